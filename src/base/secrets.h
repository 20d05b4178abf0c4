#pragma once
// Formats of keys and passwords that are known wherever they stand: of model providers, clouds, forges and
// chat services; tokens in headers and addresses; private keys. Every function is pure; time grows linearly
// with the text.
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace clawtrace {

struct SecretFormat {
  std::string_view name;        // "github-token"
  std::string_view expression;  // base/key_pattern.h
  bool keep_start = false;      // the literal text at its start is no secret: "Bearer "
};
std::span<const SecretFormat> KnownSecretFormats();

// Bytes [begin, end) of a text, and which format they have.
struct SecretPlace {
  size_t begin = 0, end = 0;
  std::string_view name;
};

// At "://": the password of "scheme://name:password@host".
bool PasswordInAddress(std::string_view text, size_t at, SecretPlace* found);
// At "-----BEGIN ": a private key. cut: the end of the text is missing. next_end: where the nearest end of a
// block was seen, so that many beginnings are not searched anew; 0 at first.
bool PrivateKeyAt(std::string_view text, size_t at, bool cut, size_t* next_end, SecretPlace* found);
// A letter, digit or "_" before a key means that it is none, but for the letter of an escape ("\n").
bool MayBeginSecret(std::string_view text, size_t at);

// All of them, in order of place, none within another.
std::vector<SecretPlace> FindSecrets(std::string_view text);

// Puts "[redacted:NAME]" in the place of each; true when there was one.
bool RedactSecrets(std::string* text);

}  // namespace clawtrace
