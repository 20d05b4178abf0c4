#include "base/value.h"

#include <fmt/core.h>
#include <libfyaml.h>

#include <memory>

#include "base/text.h"

namespace clawtrace {
namespace {

constexpr int kMaxDepth = 64;

struct DiagDeleter {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};
struct DocumentDeleter {
  void operator()(fy_document* document) const { fy_document_destroy(document); }
};

void SetScalar(fy_node* node, Value* value) {
  size_t length = 0;
  const char* text = fy_node_get_scalar(node, &length);
  value->scalar.assign(text ? text : "", text ? length : 0);
  fy_node_style style = fy_node_get_style(node);
  value->quoted = style != FYNS_PLAIN && style != FYNS_ANY;
  bool null = !value->quoted && (value->scalar.empty() || value->scalar == "null" || value->scalar == "~");
  value->kind = null ? Value::Kind::kNull : Value::Kind::kScalar;
}

Result<Value> Convert(fy_node* node, std::string_view name, int depth) {
  Value value;
  if (!node) return value;
  // A few lines of aliases within anchors stand for more nodes than any memory holds.
  if (fy_node_is_alias(node))
    return Fail(ErrorCode::kUnsupported,
                fmt::format("{}: an alias (*name) is not read; repeat what it names", name));
  if (depth > kMaxDepth)
    return Fail(ErrorCode::kLimit, fmt::format("{}: nested deeper than {} levels", name, kMaxDepth));
  switch (fy_node_get_type(node)) {
    case FYNT_SCALAR:
      SetScalar(node, &value);
      return value;
    case FYNT_SEQUENCE: {
      value.kind = Value::Kind::kList;
      void* at = nullptr;
      while (fy_node* item = fy_node_sequence_iterate(node, &at)) {
        auto child = Convert(item, name, depth + 1);
        if (!child) return child;
        value.items.push_back(std::move(*child));
      }
      return value;
    }
    case FYNT_MAPPING: {
      value.kind = Value::Kind::kMap;
      void* at = nullptr;
      while (fy_node_pair* pair = fy_node_mapping_iterate(node, &at)) {
        auto key = Convert(fy_node_pair_key(pair), name, depth + 1);
        if (!key) return key;
        auto child = Convert(fy_node_pair_value(pair), name, depth + 1);
        if (!child) return child;
        value.members.push_back({std::move(key->scalar), std::move(*child)});
      }
      return value;
    }
  }
  return value;
}

}  // namespace

const Value* Value::Find(std::string_view key) const {
  for (const Member& member : members) {
    if (member.key == key) return &member.value;
  }
  return nullptr;
}

std::optional<std::string> Value::AsString() const {
  if (kind != Kind::kScalar) return std::nullopt;
  return scalar;
}

std::optional<int64_t> Value::AsInt() const {
  if (kind != Kind::kScalar || quoted) return std::nullopt;
  return ParseInt(scalar);
}

std::optional<bool> Value::AsBool() const {
  if (kind != Kind::kScalar || quoted) return std::nullopt;
  if (scalar == "true") return true;
  if (scalar == "false") return false;
  return std::nullopt;
}

Result<Value> ParseYaml(std::string_view text, std::string_view name) {
  if (!IsValidUtf8(text)) return Fail(ErrorCode::kCorruptData, fmt::format("{}: not valid UTF-8", name));
  if (Trim(text).empty()) return Value{};
  fy_diag_cfg diag_config;
  fy_diag_cfg_default(&diag_config);
  diag_config.fp = nullptr;
  std::unique_ptr<fy_diag, DiagDeleter> diag(fy_diag_create(&diag_config));
  fy_diag_set_collect_errors(diag.get(), true);
  fy_parse_cfg config{};
  config.flags = static_cast<fy_parse_cfg_flags>(FYPCF_QUIET | FYPCF_COLLECT_DIAG);
  config.diag = diag.get();
  std::unique_ptr<fy_document, DocumentDeleter> document(
      fy_document_build_from_string(&config, text.data(), text.size()));
  if (!document) {
    std::string place = std::string(name);
    std::string reason = "not a YAML document";
    void* at = nullptr;
    if (fy_diag_error* error = fy_diag_errors_iterate(diag.get(), &at)) {
      place = fmt::format("{}:{}:{}", name, error->line, error->column);
      if (error->msg) reason = error->msg;
    }
    return Fail(ErrorCode::kCorruptData, fmt::format("{}: {}", place, reason));
  }
  return Convert(fy_document_root(document.get()), name, 0);
}

}  // namespace clawtrace
