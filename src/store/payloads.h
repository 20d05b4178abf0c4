#pragma once
// Payloads as pieces that are kept once: texts by their salted hash, prompts as chains of texts that share
// their beginnings, cold texts many in a pack. The reverse of split.h.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/hash.h"
#include "store/split.h"
#include "store/types.h"
#include "store/writer.h"

namespace clawtrace::store {

using Hash16 = std::array<char, 16>;
inline std::string_view BytesOf(const Hash16& hash) { return {hash.data(), hash.size()}; }

// Texts of at least this size are shared by all sessions of a tenant, shorter ones within a session: to look
// for a text among all costs a page of its own.
inline constexpr size_t kSharedFrom = 4096;
// Most that one payload may hold; larger ones are kInvalidInput.
inline constexpr size_t kMaxPayload = size_t{256} << 20;

// Which texts were lately seen: those need not be compressed again. Thread-safe; may be wrong, at the cost of
// compressing on the writer's thread or in vain.
class SeenTexts {
 public:
  bool Seen(uint64_t mark) const { return slots_[mark % kSlots].load(std::memory_order_relaxed) == mark; }
  void See(uint64_t mark) { slots_[mark % kSlots].store(mark, std::memory_order_relaxed); }

 private:
  static constexpr size_t kSlots = size_t{1} << 16;
  std::unique_ptr<std::atomic<uint64_t>[]> slots_ = std::make_unique<std::atomic<uint64_t>[]>(kSlots);
};

struct PreparedText {
  size_t size = 0;
  std::string_view text;  // of the payload or of pieces.own, when squeezed is empty
  Hash16 hash{};
  Hash16 chain{};        // of this text and all before it, within its session
  uint64_t mark = 0;     // for SeenTexts
  std::string squeezed;  // "" when it had been seen
  bool shared() const { return size >= kSharedFrom; }
};
struct PreparedPayload {
  const Payload* payload = nullptr;  // without its bytes, unless a text of them is needed
  size_t size = 0;                   // of its bytes
  Hash16 hash{};
  Pieces pieces;
  std::vector<PreparedText> texts;
  std::string frame;
};

// All that can be done before it is the writer's turn. payload and salt: the tenant's own. Takes the bytes of
// the payload away as soon as they are kept compressed.
PreparedPayload Prepare(Payload& payload, std::string_view salt, const SeenTexts& seen);

// What a payload is known by beside its place.
Hash16 PayloadHash(std::string_view bytes);

// Used by the writer's thread.
class PayloadWriter {
 public:
  explicit PayloadWriter(SeenTexts* seen) : seen_(*seen) {}
  // True when it was not there yet.
  Result<bool> Add(WriteScope& scope, int64_t session, const PreparedPayload& prepared);
  void Forget() { nodes_.clear(); }

 private:
  Result<int64_t> Node(WriteScope& scope, int64_t session, const PreparedPayload& prepared);
  struct Kept {
    int64_t id = 0;
    bool is_new = false;
  };
  Result<Kept> Blob(WriteScope& scope, int64_t session, const PreparedText& text);

  struct ChainHash {
    size_t operator()(const Hash16& chain) const { return Hash64(BytesOf(chain)); }
  };
  SeenTexts& seen_;
  std::unordered_map<Hash16, int64_t, ChainHash> nodes_;
};

// Texts of blobs, from rows and packs; for one read.
class TextReader {
 public:
  explicit TextReader(Database* db) : db_(*db) {}
  Result<std::string> Text(int64_t blob);
  // Texts of the chain that ends in node, first to last.
  Result<std::vector<std::string>> Chain(int64_t node);

 private:
  Result<std::string> FromPack(int64_t pack, int64_t at, size_t size);
  Database& db_;
  int64_t pack_ = 0;  // whose content is here
  std::string content_;
};

Result<std::vector<Payload>> ReadPayloadsOf(Database& db, int64_t session, std::string_view session_name,
                                            std::string_view call);

}  // namespace clawtrace::store
