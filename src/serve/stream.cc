#include <openssl/ssl.h>

#include <array>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>

#include "serve/net.h"

namespace clawtrace::serve {
namespace {

using boost::system::error_code;

// Where nothing can be done about it.
void Ignore(const error_code&) {}

// The parts that do not depend on what is below.
template <class Layer>
class AsioStream : public Stream {
 public:
  template <class... A>
  explicit AsioStream(A&&... arguments) : layer(std::forward<A>(arguments)...) {
    error_code ignored;
    Ignore(layer.lowest_layer().set_option(tcp::no_delay(true), ignored));
    Ignore(layer.lowest_layer().set_option(boost::asio::socket_base::keep_alive(true), ignored));
  }

  void Read(char* into, size_t size, Done done) override {
    layer.async_read_some(asio::buffer(into, size),
                          [done = std::move(done)](error_code error, size_t bytes) { done(!error, bytes); });
  }
  void Write(std::string_view first, std::string_view second, Done done) override {
    std::array<asio::const_buffer, 2> buffers = {asio::buffer(first), asio::buffer(second)};
    asio::async_write(layer, buffers,
                      [done = std::move(done)](error_code error, size_t bytes) { done(!error, bytes); });
  }
  void EndWrites() override {
    error_code ignored;
    Ignore(layer.lowest_layer().shutdown(tcp::socket::shutdown_send, ignored));
  }
  void Close() override {
    error_code ignored;
    Ignore(layer.lowest_layer().close(ignored));
  }

 protected:
  Layer layer;
};

class Plain final : public AsioStream<tcp::socket> {
 public:
  using AsioStream::AsioStream;
  void Open(std::function<void(bool, bool)> done) override {
    asio::post(layer.get_executor(), [done = std::move(done)] { done(true, false); });
  }
};

class Tls final : public AsioStream<asio::ssl::stream<tcp::socket>> {
 public:
  using AsioStream::AsioStream;
  void Open(std::function<void(bool, bool)> done) override {
    layer.async_handshake(asio::ssl::stream_base::server, [this, done = std::move(done)](error_code error) {
      const unsigned char* name = nullptr;
      unsigned size = 0;
      if (!error) SSL_get0_alpn_selected(layer.native_handle(), &name, &size);
      done(!error, std::string_view(reinterpret_cast<const char*>(name), size) == "h2");
    });
  }
};

int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
                   unsigned offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x02h2\x08http/1.1";
  auto* out = const_cast<unsigned char**>(chosen);
  int result = SSL_select_next_proto(out, size, kOurs, sizeof kOurs - 1, offered, offered_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

}  // namespace

std::unique_ptr<Stream> PlainStream(tcp::socket socket) { return std::make_unique<Plain>(std::move(socket)); }

std::unique_ptr<Stream> TlsStream(tcp::socket socket, asio::ssl::context* tls) {
  return std::make_unique<Tls>(std::move(socket), *tls);
}

Result<std::unique_ptr<asio::ssl::context>> MakeTls(const std::string& cert, const std::string& key) {
  error_code error;
  auto context = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
  error = context->use_certificate_chain_file(cert, error);
  if (error)
    return Fail(ErrorCode::kInvalidInput, "no certificate in " + cert + ": " + error.message(), "a PEM file");
  error = context->use_private_key_file(key, asio::ssl::context::pem, error);
  if (error)
    return Fail(ErrorCode::kInvalidInput, "no key of that certificate in " + key + ": " + error.message(),
                "a PEM file");
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_alpn_select_cb(context->native_handle(), ChooseProtocol, nullptr);
  return context;
}

}  // namespace clawtrace::serve
