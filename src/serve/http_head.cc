#include "serve/http_head.h"

#include <algorithm>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/text.h"

namespace clawtrace::serve {
namespace {

namespace beast = boost::beast;
namespace http = boost::beast::http;

std::string_view View(beast::string_view text) { return {text.data(), text.size()}; }

bool Fill(const http::request_parser<http::empty_body>& parser, Request* request) {
  const auto& message = parser.get();
  request->method = View(message.method_string());
  std::string_view target = View(message.target());
  if (target.empty() || target.front() != '/') return false;  // proxies and "*" are not served
  size_t query = target.find('?');
  request->path = target.substr(0, query);
  request->query = query == std::string_view::npos ? "" : target.substr(query + 1);
  request->headers.clear();
  for (const auto& field : message) {
    request->headers.emplace_back(ToLower(View(field.name_string())), View(field.value()));
  }
  return true;
}

size_t Count(const Request& request, std::string_view name) {
  return static_cast<size_t>(
      std::ranges::count_if(request.headers, [&](const auto& header) { return header.first == name; }));
}

// A line that goes on with the next one: readers disagree on what it says.
bool IsFolded(std::string_view head) {
  return head.find("\r\n ") != std::string_view::npos || head.find("\r\n\t") != std::string_view::npos;
}

// Of a head that parses: may it be acted upon? Where two readers could disagree about the request's length or
// who it is for, it is refused.
Head::State Judge(const Request& request, unsigned version, const Head& head) {
  constexpr unsigned kOneOne = 11;
  using State = Head::State;
  if (request.headers.size() > kMaxHeaders) return State::kTooLarge;
  size_t hosts = Count(request, "host"), encodings = Count(request, "transfer-encoding");
  if (hosts > 1 || (hosts == 0 && version >= kOneOne)) return State::kBad;
  bool list = request.Header("content-length").find(',') != std::string_view::npos;
  if (Count(request, "content-length") > 1 || list || encodings > 1) return State::kBad;
  if (encodings > 0) {
    std::string encoding = ToLower(Trim(request.Header("transfer-encoding")));
    std::string last(Trim(encoding.substr(encoding.rfind(',') + 1)));
    if (last != "chunked" || head.content_length || version < kOneOne) return State::kBad;
    if (encoding != last) return State::kUnsupported;
  }
  if (Count(request, "expect") > 0 && !head.expects_continue) return State::kExpectation;
  return State::kDone;
}

}  // namespace

Head ReadHead(std::string_view bytes, size_t searched, Request* request) {
  Head head;
  size_t from = searched > 3 ? searched - 3 : 0;
  size_t end = bytes.find("\r\n\r\n", from);
  if (end == std::string_view::npos) {
    if (bytes.size() >= kMaxHead) head.state = Head::State::kTooLarge;
    return head;
  }
  head.size = end + 4;
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kMaxHead);
  parser.body_limit(boost::none);
  beast::error_code error;
  parser.put(boost::asio::const_buffer(bytes.data(), head.size), error);
  if (error == http::error::header_limit) {
    head.state = Head::State::kTooLarge;
    return head;
  }
  head.state = Head::State::kBad;
  bool parsed = (!error || error == http::error::need_more) && parser.is_header_done();
  if (!parsed || IsFolded(bytes.substr(0, head.size)) || !Fill(parser, request)) return head;
  if (auto length = parser.content_length()) head.content_length = *length;
  head.chunked = parser.chunked();
  head.keep_alive = parser.keep_alive();
  head.expects_continue = ToLower(Trim(request->Header("expect"))) == "100-continue";
  head.state = Judge(*request, parser.get().version(), head);
  return head;
}

ChunkDecoder::State ChunkDecoder::Feed(std::string_view* input, std::string* body) {
  while (!input->empty() && !done_) {
    if (part_ == Part::kContent) {
      size_t take = static_cast<size_t>(std::min<uint64_t>(left_, input->size()));
      body->append(input->substr(0, take));
      input->remove_prefix(take);
      left_ -= take;
      if (left_ == 0) part_ = Part::kContentEnd;
      continue;
    }
    char c = input->front();
    input->remove_prefix(1);
    if (State state = Take(c); state != State::kNeedMore) return state;
  }
  return done_ ? State::kDone : State::kNeedMore;
}

// The hexadecimal size of the next chunk, a digit at a time.
ChunkDecoder::State ChunkDecoder::TakeSize(char c) {
  constexpr int kMaxDigits = 8;  // 4 GB, far above any limit of a body
  bool digit = c >= '0' && c <= '9', letter = (c | 32) >= 'a' && (c | 32) <= 'f';
  if (digit || letter) {
    left_ = left_ << 4 | static_cast<uint64_t>(digit ? c - '0' : (c | 32) - 'a' + 10);
    return ++digits_ > kMaxDigits ? State::kBad : State::kNeedMore;
  }
  if (digits_ == 0) return State::kBad;
  if (c == '\r')
    part_ = Part::kSizeEnd;
  else if (c == ';' || c == ' ' || c == '\t')
    part_ = Part::kExtension;
  else
    return State::kBad;
  return State::kNeedMore;
}

ChunkDecoder::State ChunkDecoder::Take(char c) {
  switch (part_) {
    case Part::kSize:
      return TakeSize(c);
    case Part::kExtension:
      if (c == '\r') part_ = Part::kSizeEnd;
      return c == '\n' || ++trailers_ > kMaxHead ? State::kBad : State::kNeedMore;
    case Part::kSizeEnd:
      if (left_ > most_) return State::kTooLarge;
      most_ -= left_;
      part_ = left_ > 0 ? Part::kContent : Part::kTrailer;
      digits_ = 0;
      return c == '\n' ? State::kNeedMore : State::kBad;
    case Part::kContent:
      return State::kBad;  // not taken byte by byte
    case Part::kContentEnd:
      part_ = Part::kContentLf;
      return c == '\r' ? State::kNeedMore : State::kBad;
    case Part::kContentLf:
      part_ = Part::kSize;
      return c == '\n' ? State::kNeedMore : State::kBad;
    case Part::kTrailer:
      if (++trailers_ > kMaxHead || c == '\n') return State::kBad;
      if (c == '\r')
        part_ = Part::kTrailerLf;
      else
        ++line_;
      return State::kNeedMore;
    case Part::kTrailerLf:
      part_ = Part::kTrailer;
      done_ = line_ == 0;
      line_ = 0;
      return c == '\n' ? State::kNeedMore : State::kBad;
  }
  return State::kBad;
}

}  // namespace clawtrace::serve
