#include "base/secrets.h"

#include <gtest/gtest.h>

#include <string>

#include "base/key_pattern.h"

namespace clawtrace {
namespace {

TEST(SecretsTest, EveryFormatOfTheTableCanBeRead) {
  for (const SecretFormat& format : KnownSecretFormats())
    EXPECT_TRUE(KeyPattern::Parse(format.expression)) << format.name;
}

TEST(SecretsTest, FindsKeysAddressesAndPrivateKeysInOrder) {
  std::string key = "ghp_" + std::string(36, 'a');
  std::string text = "postgres://me:hunter2@db/x and " + key + " and\n-----BEGIN RSA PRIVATE KEY-----\nAA\n" +
                     "-----END RSA PRIVATE KEY-----\n";
  auto places = FindSecrets(text);
  ASSERT_EQ(places.size(), 3u);
  EXPECT_EQ(places[0].name, "url-password");
  EXPECT_EQ(text.substr(places[0].begin, places[0].end - places[0].begin), "hunter2");
  EXPECT_EQ(places[1].name, "github-token");
  EXPECT_EQ(text.substr(places[1].begin, places[1].end - places[1].begin), key);
  EXPECT_EQ(places[2].name, "private-key");
  EXPECT_EQ(text.substr(places[2].end), "\n");
}

TEST(SecretsTest, WordsThatOnlyBeginLikeKeysAreNone) {
  EXPECT_TRUE(
      FindSecrets("task-oriented, sk-learn, xghp_" + std::string(36, 'a') + ", https://a:80/").empty());
  EXPECT_EQ(FindSecrets("Authorization: Basic QWxhZGRpbg==").size(), 1u);
}

}  // namespace
}  // namespace clawtrace
