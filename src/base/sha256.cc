#include "base/sha256.h"

#include <fmt/core.h>
#include <openssl/evp.h>
#include <openssl/sha.h>

#include <memory>

#include "base/hash.h"
#include "base/result.h"

namespace clawtrace {

Sha256Digest Sha256(std::string_view salt, std::string_view bytes) {
  static const EVP_MD* const kind = EVP_sha256();
  thread_local std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> state(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  Sha256Digest digest;
  bool done = state && EVP_DigestInit_ex(state.get(), kind, nullptr) == 1 &&
              EVP_DigestUpdate(state.get(), salt.data(), salt.size()) == 1 &&
              EVP_DigestUpdate(state.get(), bytes.data(), bytes.size()) == 1 &&
              EVP_DigestFinal_ex(state.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1;
  CT_CHECK(done);
  return digest;
}

std::string Sha256Hex(std::string_view bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string out;
  for (unsigned char c : digest) out += fmt::format("{:02x}", c);
  return out;
}

}  // namespace clawtrace
