#include "store/payloads.h"

#include <algorithm>
#include <tuple>

#include "base/memory.h"
#include "base/sha256.h"
#include "store/squeeze.h"

namespace clawtrace::store {
namespace {

constexpr size_t kMaxNodes = 100'000;
// A chain cannot be longer than a payload has pieces.
constexpr int64_t kMaxChain = 4'000'000;

Hash16 TwoHashes(std::string_view bytes) {
  Hash16 out;
  for (uint64_t half = 0; half < 2; ++half) {
    uint64_t hash = Hash64(bytes, half);
    std::copy_n(reinterpret_cast<const char*>(&hash), sizeof hash, out.begin() + 8 * half);
  }
  return out;
}

Hash16 Salted(std::string_view salt, std::string_view text) {
  Sha256Digest digest = Sha256(salt, text);
  Hash16 out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

}  // namespace

Hash16 PayloadHash(std::string_view bytes) { return TwoHashes(bytes); }

PreparedPayload Prepare(Payload& payload, std::string_view salt, const SeenTexts& seen) {
  PreparedPayload prepared;
  prepared.payload = &payload;
  prepared.size = payload.bytes.size();
  prepared.hash = TwoHashes(payload.bytes);
  prepared.pieces = Split(payload.bytes);
  prepared.frame = EncodeFrame(prepared.pieces);
  std::string chain = std::string(salt) + payload.session_id;
  uint64_t session = Hash64(chain);
  prepared.texts.reserve(prepared.pieces.texts.size());
  for (std::string_view text : prepared.pieces.texts) {
    PreparedText& piece = prepared.texts.emplace_back();
    piece.size = text.size(), piece.text = text;
    piece.hash = Salted(salt, text);
    chain.append(BytesOf(piece.hash));
    piece.chain = TwoHashes(chain);
    chain = BytesOf(piece.chain);
    piece.mark = Hash64(BytesOf(piece.hash), piece.shared() ? 0 : session) | 1;  // 0: an empty slot
    if (!seen.Seen(piece.mark)) piece.squeezed = Squeeze(text, kWarm);
  }
  if (std::ranges::none_of(prepared.texts, [](const PreparedText& text) { return text.squeezed.empty(); })) {
    for (PreparedText& text : prepared.texts) text.text = {};
    prepared.pieces = {};
    FreeText(&payload.bytes);
  }
  return prepared;
}

Result<bool> PayloadWriter::Add(WriteScope& scope, int64_t session, const PreparedPayload& prepared) {
  const Payload& payload = *prepared.payload;
  auto source = scope.rows.Word(payload.source), part = scope.rows.Word(payload.part);
  if (!source || !part) return std::unexpected((source ? part : source).error());
  {
    Statement known = scope.db.Prepare(
        "SELECT 1 FROM payload WHERE session = ? AND call = ? AND source = ? AND part = ? AND hash = ?");
    known.Bind(session).Bind(std::string_view(payload.id)).Bind(*source).Bind(*part);
    if (known.BindBlob(BytesOf(prepared.hash)).Step()) return false;
    CT_RETURN_IF_ERROR(known.ok());
  }
  auto node = Node(scope, session, prepared);
  if (!node) return std::unexpected(node.error());
  Statement add = scope.db.Prepare("INSERT INTO payload VALUES(?, ?, ?, ?, ?, ?, ?, ?)");
  add.Bind(session).Bind(std::string_view(payload.id)).Bind(*source).Bind(*part);
  add.BindBlob(BytesOf(prepared.hash)).Bind(static_cast<int64_t>(prepared.size)).Bind(*node);
  CT_RETURN_IF_ERROR(add.BindBlob(prepared.frame).Run());
  return true;
}

Result<int64_t> PayloadWriter::Node(WriteScope& scope, int64_t session, const PreparedPayload& prepared) {
  // The longest beginning that an earlier prompt had; nearly always all but the last messages.
  size_t begin = prepared.texts.size();
  int64_t parent = 0;
  for (; begin > 0; --begin) {
    if (auto known = nodes_.find(prepared.texts[begin - 1].chain); known != nodes_.end()) {
      parent = known->second;
      break;
    }
  }
  for (size_t i = begin; i < prepared.texts.size(); ++i) {
    auto blob = Blob(scope, session, prepared.texts[i]);
    if (!blob) return std::unexpected(std::move(blob.error()));
    int64_t node = 0;
    if (!blob->is_new) {
      Statement find = scope.db.Prepare("SELECT id FROM node WHERE parent = ? AND blob = ?");
      if (find.Bind(parent).Bind(blob->id).Step()) node = find.Int(0);
      CT_RETURN_IF_ERROR(find.ok());
    }
    if (node == 0) {
      CT_RETURN_IF_ERROR(
          scope.db.Prepare("INSERT INTO node(parent, blob) VALUES(?, ?)").Bind(parent).Bind(blob->id).Run());
      node = scope.db.last_row();
    }
    if (nodes_.size() >= kMaxNodes) nodes_.clear();
    nodes_.emplace(prepared.texts[i].chain, node);
    parent = node;
  }
  return parent;
}

Result<PayloadWriter::Kept> PayloadWriter::Blob(WriteScope& scope, int64_t session,
                                                const PreparedText& text) {
  int64_t place = text.shared() ? 0 : session;
  {
    Statement find = scope.db.Prepare("SELECT id FROM blob WHERE scope = ? AND hash = ?");
    if (find.Bind(place).BindBlob(BytesOf(text.hash)).Step()) {
      seen_.See(text.mark);
      return Kept{find.Int(0), false};
    }
    CT_RETURN_IF_ERROR(find.ok());
  }
  std::string squeezed;
  if (text.squeezed.empty()) squeezed = Squeeze(text.text, kWarm);
  Statement add = scope.db.Prepare("INSERT INTO blob(scope, hash, size) VALUES(?, ?, ?)");
  add.Bind(place).BindBlob(BytesOf(text.hash));
  CT_RETURN_IF_ERROR(add.Bind(static_cast<int64_t>(text.size)).Run());
  int64_t blob = scope.db.last_row();
  Statement keep = scope.db.Prepare("INSERT INTO loose VALUES(?, ?)");
  CT_RETURN_IF_ERROR(keep.Bind(blob).BindBlob(text.squeezed.empty() ? squeezed : text.squeezed).Run());
  seen_.See(text.mark);
  return Kept{blob, true};
}

Result<std::string> TextReader::FromPack(int64_t pack, int64_t at, size_t size) {
  if (pack != pack_) {
    Statement find = db_.Prepare("SELECT z FROM pack WHERE id = ?");
    if (!find.Bind(pack).Step()) {
      CT_RETURN_IF_ERROR(find.ok());
      return Fail(ErrorCode::kCorruptData, "a pack of texts is missing");
    }
    auto content = Unsqueeze(find.Blob(0), kMaxPayload * 2);
    if (!content) return content;
    pack_ = pack, content_ = std::move(*content);
  }
  if (at < 0 || static_cast<size_t>(at) > content_.size() || size > content_.size() - static_cast<size_t>(at))
    return Fail(ErrorCode::kCorruptData, "a pack of texts is too short");
  return content_.substr(static_cast<size_t>(at), size);
}

Result<std::string> TextReader::Text(int64_t blob) {
  auto damaged = [] { return Fail(ErrorCode::kCorruptData, "a text of a payload is missing or damaged"); };
  Statement find = db_.Prepare(
      "SELECT b.size, l.z, b.pack, b.at FROM blob b LEFT JOIN loose l ON l.blob = b.id WHERE b.id = ?");
  if (!find.Bind(blob).Step()) {
    CT_RETURN_IF_ERROR(find.ok());
    return damaged();
  }
  auto size = static_cast<size_t>(find.Int(0));
  if (size > kMaxPayload) return damaged();
  if (!find.IsNull(2)) return FromPack(find.Int(2), find.Int(3), size);
  auto text = Unsqueeze(find.Blob(1), size);
  if (text && text->size() != size) return damaged();
  return text;
}

Result<std::vector<std::string>> TextReader::Chain(int64_t node) {
  std::vector<int64_t> blobs;
  while (node != 0) {
    Statement find = db_.Prepare("SELECT parent, blob FROM node WHERE id = ?");
    bool there = find.Bind(node).Step();
    CT_RETURN_IF_ERROR(find.ok());
    // Parents are older: a chain that does not go down is damaged and might go round.
    if (!there || find.Int(0) >= node || std::ssize(blobs) >= kMaxChain)
      return Fail(ErrorCode::kCorruptData, "the chain of a payload is broken");
    blobs.push_back(find.Int(1));
    node = find.Int(0);
  }
  std::vector<std::string> texts;
  for (auto blob = blobs.rbegin(); blob != blobs.rend(); ++blob) {
    auto text = Text(*blob);
    if (!text) return std::unexpected(std::move(text.error()));
    texts.push_back(std::move(*text));
  }
  return texts;
}

Result<std::vector<Payload>> ReadPayloadsOf(Database& db, int64_t session, std::string_view session_name,
                                            std::string_view call) {
  struct Found {
    Payload payload;
    int64_t node = 0;
    std::string frame, hash;
  };
  std::vector<Found> found;
  {
    Statement find = db.Prepare(
        "SELECT s.s, p.s, x.node, x.frame, x.hash FROM payload x JOIN word s ON s.id = x.source "
        "JOIN word p ON p.id = x.part WHERE x.session = ? AND x.call = ?");
    find.Bind(session).Bind(call);
    while (find.Step()) {
      Payload payload{std::string(find.Text(0)),
                      std::string(session_name),
                      std::string(call),
                      std::string(find.Text(1)),
                      {}};
      found.push_back(
          {std::move(payload), find.Int(2), std::string(find.Blob(3)), std::string(find.Blob(4))});
    }
    CT_RETURN_IF_ERROR(find.ok());
  }
  std::vector<Payload> payloads;
  TextReader texts(&db);
  for (Found& each : found) {
    auto chain = texts.Chain(each.node);
    if (!chain) return std::unexpected(std::move(chain.error()));
    auto bytes = Join(*chain, each.frame);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    // Never another text than the one that was given.
    if (BytesOf(PayloadHash(*bytes)) != each.hash)
      return Fail(ErrorCode::kCorruptData, "the payload of " + each.payload.id + " is damaged",
                  "clawtrace store check tells what else is");
    each.payload.bytes = std::move(*bytes);
    payloads.push_back(std::move(each.payload));
  }
  std::ranges::sort(payloads, {}, [](const Payload& p) { return std::tie(p.source, p.part, p.bytes); });
  return payloads;
}

}  // namespace clawtrace::store
