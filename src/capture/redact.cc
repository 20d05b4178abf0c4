#include "capture/redact.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cmath>
#include <cstring>
#include <map>

#include "base/json.h"
#include "base/key_pattern.h"
#include "base/secrets.h"
#include "base/sha256.h"
#include "base/text.h"
#include "base/value.h"
#include "capture/otlp_record.h"
#include "capture/redact_keys.h"

namespace clawtrace::capture {
namespace {

constexpr size_t kMaxRules = 500;
constexpr size_t kMaxName = 24;
constexpr int64_t kLeastEntropyLength = 16;

constexpr auto kKnownKeys = std::to_array<std::string_view>(
    {"*.authorization", "*.proxy-authorization", "*.x-api-key", "*.api_key", "*.apikey", "*.api-key",
     "*password*", "*.passwd", "*.secret", "*.client_secret", "*.secret_key", "*.access_token",
     "*.refresh_token", "*.id_token", "*.private_key", "*.cookie", "*.set-cookie"});

bool IsWord(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

bool IsRandomByte(char c) { return IsWord(c) || c == '+' || c == '/' || c == '=' || c == '-'; }

bool LooksRandom(std::string_view run, double min_bits) {
  std::array<size_t, 256> counts{};
  bool digit = false, upper = false, lower = false;
  for (char c : run) {
    ++counts[static_cast<unsigned char>(c)];
    digit = digit || (c >= '0' && c <= '9');
    upper = upper || (c >= 'A' && c <= 'Z');
    lower = lower || (c >= 'a' && c <= 'z');
  }
  if (!digit || !upper || !lower) return false;
  double bits = 0;
  for (size_t count : counts) {
    double share = static_cast<double>(count) / static_cast<double>(run.size());
    if (count > 0) bits -= share * std::log2(share);
  }
  return bits >= min_bits;
}

bool IsRuleName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

size_t PairOf(char first, char second) {
  return static_cast<size_t>(static_cast<unsigned char>(first)) << 8 | static_cast<unsigned char>(second);
}

}  // namespace

struct Redactor::Impl {
  struct Rule {
    std::string name;
    KeyPattern pattern;
    bool keep_start = false;
  };
  std::vector<Rule> rules;
  std::map<size_t, std::vector<size_t>> by_pair;  // first two bytes -> rules
  std::bitset<65536> pairs;                       // with which anything to be replaced begins
  KeyNames keys;
  EntropyRule entropy;
  std::string salt;

  std::string Replacement(std::string_view name, std::string_view secret) const {
    Sha256Digest digest = Sha256(salt, secret);
    uint32_t start = 0;
    std::memcpy(&start, digest.data(), sizeof start);
    return fmt::format("[redacted:{}:{:08x}]", name, __builtin_bswap32(start));
  }
  bool ByRule(std::string_view text, size_t at, bool cut, SecretPlace* found) const;
  bool Replace(std::string* text, bool cut) const;
  bool Random(std::string* text) const;
};

bool Redactor::Impl::ByRule(std::string_view text, size_t at, bool cut, SecretPlace* found) const {
  auto starting = by_pair.find(PairOf(text[at], text[at + 1]));
  if (starting == by_pair.end()) return false;
  if (!MayBeginSecret(text, at)) return false;
  bool free = at == 0 || IsWord(text[at - 1]);  // behind an escape: its letter is none of the text
  for (size_t index : starting->second) {
    const Rule& rule = rules[index];
    if (!free && rule.pattern.Continues(text[at - 1])) continue;
    size_t length = rule.pattern.Match(text.substr(at), cut);
    size_t kept = rule.keep_start ? rule.pattern.start().size() : 0;
    if (length <= kept) continue;
    *found = {at + kept, at + length, rule.name};
    return true;
  }
  return false;
}

bool Redactor::Impl::Replace(std::string* text, bool cut) const {
  std::string out;
  size_t taken = 0, next_end = 0;
  std::string_view all = *text;
  for (size_t at = 0; at + 1 < all.size(); ++at) {
    if (!pairs.test(PairOf(all[at], all[at + 1]))) continue;
    SecretPlace match;
    bool found = ByRule(all, at, cut, &match);
    if (!found && all[at] == ':') found = PasswordInAddress(all, at, &match);
    if (!found && all[at] == '-') found = PrivateKeyAt(all, at, cut, &next_end, &match);
    if (!found) continue;
    out.append(all.substr(taken, match.begin - taken));
    out += Replacement(match.name, all.substr(match.begin, match.end - match.begin));
    taken = match.end;
    at = match.end - 1;
  }
  if (taken == 0) return false;
  out.append(all.substr(taken));
  *text = std::move(out);
  return true;
}

bool Redactor::Impl::Random(std::string* text) const {
  std::string out;
  size_t taken = 0;
  std::string_view all = *text;
  for (size_t at = 0; at < all.size();) {
    if (!IsRandomByte(all[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < all.size() && IsRandomByte(all[end])) ++end;
    std::string_view run = all.substr(at, end - at);
    if (static_cast<int64_t>(run.size()) >= entropy.min_length && LooksRandom(run, entropy.min_bits)) {
      out.append(all.substr(taken, at - taken));
      out += Replacement("entropy", run);
      taken = end;
    }
    at = end;
  }
  if (taken == 0) return false;
  out.append(all.substr(taken));
  *text = std::move(out);
  return true;
}

Redactor::Redactor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Redactor::Redactor(Redactor&&) noexcept = default;
Redactor& Redactor::operator=(Redactor&&) noexcept = default;
Redactor::~Redactor() = default;

RedactionRules DefaultRedactionRules() {
  RedactionRules rules;
  for (const SecretFormat& known : KnownSecretFormats())
    rules.patterns.push_back({std::string(known.name), std::string(known.expression), known.keep_start});
  for (std::string_view key : kKnownKeys) rules.keys.emplace_back(key);
  return rules;
}

Result<Redactor> Redactor::Make(const RedactionRules& rules, std::string salt) {
  auto impl = std::make_unique<Impl>();
  impl->salt = std::move(salt);
  impl->pairs.set(PairOf(':', '/')).set(PairOf('-', '-'));  // an address, a private key
  impl->entropy = rules.entropy;
  if (rules.patterns.size() > kMaxRules || rules.keys.size() > kMaxRules)
    return Fail(ErrorCode::kInvalidInput, "more than 500 redaction rules");
  for (const RedactionPattern& rule : rules.patterns) {
    if (!IsRuleName(rule.name))
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("redaction rule \"{}\" has no usable name", rule.name),
                  "up to 24 lower-case letters, digits and dashes");
    auto pattern = KeyPattern::Parse(rule.expression);
    if (!pattern)
      return Fail(ErrorCode::kInvalidInput,
                  fmt::format("redaction rule {}: {}", rule.name, pattern.error().message),
                  "docs/redaction.md shows what an expression may hold");
    size_t pair = PairOf(pattern->start()[0], pattern->start()[1]);
    impl->pairs.set(pair);
    impl->by_pair[pair].push_back(impl->rules.size());
    impl->rules.push_back({rule.name, std::move(*pattern), rule.keep_start});
  }
  if (impl->entropy.min_length != 0 && impl->entropy.min_length < kLeastEntropyLength)
    return Fail(ErrorCode::kInvalidInput, "redaction by entropy needs runs of 16 characters at least");
  for (const std::string& key : rules.keys) CT_RETURN_IF_ERROR(impl->keys.Add(key));
  return Redactor(std::move(impl));
}

bool Redactor::Text(std::string* text, bool cut) const {
  const Impl& impl = *impl_;
  bool changed =
      RedactValues(impl.keys, text, [&](std::string_view secret) { return impl.Replacement("key", secret); });
  changed = impl.Replace(text, cut) || changed;
  if (impl.entropy.min_length > 0) changed = impl.Random(text) || changed;
  return changed;
}

namespace {

// Applies a redactor to texts that are the start of longer ones, and keeps them within their size.
class Texts {
 public:
  explicit Texts(const Redactor& redactor) : redactor_(redactor) {}

  void Start(std::string* text, int64_t whole_bytes, size_t most) {
    bool cut = whole_bytes > static_cast<int64_t>(text->size());
    if (!text->empty() && redactor_.Text(text, cut)) Shorten(text, most);
  }
  // Whether it was cut is not known.
  void Bounded(std::string* text, size_t most) {
    constexpr size_t kCodePoint = 4;
    if (!text->empty() && redactor_.Text(text, text->size() + kCodePoint > most)) Shorten(text, most);
  }
  void Whole(std::string* text) {
    if (!text->empty() && redactor_.Text(text)) changed_ = true;
  }
  bool changed() const { return changed_; }

 private:
  void Shorten(std::string* text, size_t most) {
    changed_ = true;
    if (text->size() > most) text->resize(PrefixUtf8(*text, most).size());
  }

  const Redactor& redactor_;
  bool changed_ = false;
};

// What a span or event was, on its way to be resolved: the prompt stands inside.
void ApplyToRecord(Texts* texts, Fact* fact) {
  if (!Contains(fact->user->text, "\"prompt\":")) return;
  JsonParser parser;
  Fact copy = *fact;
  auto record = DecodeRecord(&copy, &parser);
  if (!record) return;
  std::string before = record->prompt;
  texts->Start(&record->prompt, record->prompt_bytes, kMaxText);
  if (record->prompt == before) return;
  *fact = EncodeRecord(std::move(*record));
}

}  // namespace

bool Redactor::Apply(Fact* fact) const {
  Texts texts(*this);
  if (fact->user) {
    if (fact->kind == FactKind::kLink && fact->id.starts_with("span:"))
      ApplyToRecord(&texts, fact);
    else
      texts.Start(&fact->user->text, fact->user->text_bytes, kMaxText);
  }
  if (fact->session) {
    SessionInfo& info = *fact->session;
    for (std::string* text : {&info.cwd, &info.project, &info.agent_name, &info.user}) texts.Whole(text);
  }
  if (fact->llm) {
    texts.Start(&fact->llm->text, fact->llm->text_bytes, kMaxText);
    texts.Bounded(&fact->llm->error, kMaxError);
  }
  if (fact->tool) {
    texts.Start(&fact->tool->args, fact->tool->args_bytes, kMaxArgs);
    texts.Whole(&fact->tool->cwd);
  }
  if (fact->result) {
    texts.Start(&fact->result->output, fact->result->output_bytes, kMaxText);
    texts.Bounded(&fact->result->error, kMaxError);
  }
  if (fact->skill) texts.Whole(&fact->skill->path);
  return texts.changed();
}

namespace {

Status ReadPatterns(const Value& list, RedactionRules* rules) {
  if (list.kind != Value::Kind::kList) return Fail(ErrorCode::kInvalidInput, "patterns is no list");
  for (const Value& item : list.items) {
    auto text = [&](std::string_view key) {
      const Value* value = item.Find(key);
      return value ? value->AsString().value_or("") : "";
    };
    const Value* keep = item.Find("keep_start");
    RedactionPattern pattern{text("name"), text("expression"), keep && keep->AsBool().value_or(false)};
    if (pattern.expression.empty()) return Fail(ErrorCode::kInvalidInput, "a pattern without expression");
    rules->patterns.push_back(std::move(pattern));
  }
  return {};
}

Status ReadEntropy(const Value& map, EntropyRule* entropy) {
  const Value* length = map.Find("min_length");
  const Value* bits = map.Find("min_bits");
  entropy->min_length = length ? length->AsInt().value_or(-1) : 32;
  entropy->min_bits = bits ? std::strtod(bits->scalar.c_str(), nullptr) : 4.0;
  if (entropy->min_length < 0 || !(entropy->min_bits > 0))
    return Fail(ErrorCode::kInvalidInput, "entropy wants numbers above 0");
  return {};
}

Status ReadRules(const Value& file, RedactionRules* rules) {
  const Value* defaults = file.Find("defaults");
  if (!defaults || defaults->AsBool().value_or(true)) *rules = DefaultRedactionRules();
  for (const Value::Member& member : file.members) {
    if (member.key == "patterns") CT_RETURN_IF_ERROR(ReadPatterns(member.value, rules));
    if (member.key == "entropy") CT_RETURN_IF_ERROR(ReadEntropy(member.value, &rules->entropy));
    if (member.key == "keys") {
      for (const Value& item : member.value.items) rules->keys.push_back(item.AsString().value_or(""));
    }
    bool known = member.key == "patterns" || member.key == "entropy" || member.key == "keys" ||
                 member.key == "defaults";
    if (!known) return Fail(ErrorCode::kInvalidInput, fmt::format("\"{}\" is no setting", member.key));
  }
  return {};
}

}  // namespace

Result<RedactionRules> ParseRedactionRules(std::string_view yaml, std::string_view name) {
  auto file = ParseYaml(yaml, name);
  if (!file) return std::unexpected(file.error());
  RedactionRules rules;
  Status status = ReadRules(*file, &rules);
  if (status) {
    auto usable = Redactor::Make(rules, "");
    if (usable) return rules;
    status = std::unexpected(usable.error());
  }
  return Fail(status.error().code, fmt::format("{}: {}", name, status.error().message),
              status.error().hint.empty() ? "docs/redaction.md shows the file" : status.error().hint);
}

}  // namespace clawtrace::capture
