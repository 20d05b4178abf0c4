#pragma once
// What was asked, what was answered and what was made of it, on a file that outlives any end of the program:
// a later run pays for nothing twice, and a run without a network gives the same results. Append-only lines,
// each with its checksum; an answer is on the disk before it is used. Holds texts of sessions, never a key;
// readable by its owner alone. docs/models.md has the form.
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "llm/transport.h"

namespace clawtrace::llm {

class Journal {
 public:
  enum class Mode {
    kContinue,  // made when it is not there; what is asked anew is added
    kReplay,    // only read
  };
  // path "": nothing is kept beyond this object (kContinue). A last line that was not finished is dropped.
  // kCorruptData names any other line that is none, kUnavailable: another process writes to it, kIo, kLimit.
  // compatible: who is asked, for the first line of a new file (llm::Request).
  static Result<std::unique_ptr<Journal>> Open(const std::string& path, Mode mode, bool compatible = false);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Asks on behalf of one job: the n-th time that the job sends an equal request is answered by the n-th
  // answer that is kept for it, whatever other jobs do meanwhile; when there is none, by outside (nullptr:
  // kCassetteMiss). Transports of several jobs may be used at once, those of one job one after the other.
  // Journal, provider and outside must outlive it.
  std::unique_ptr<Transport> ForJob(std::string job, const Provider& provider, Transport* outside);

  // What was made of a job, JSON. Thread-safe.
  std::optional<std::string> Done(const std::string& job) const;
  Status PutDone(const std::string& job, std::string_view json);

  struct Exchange {
    std::optional<Usd> most_usd;  // of the request
    std::optional<Sent> sent;     // nullopt: asked, and nobody knows what came of it
  };
  // All that were kept when it was opened, in the order in which they were asked.
  const std::vector<Exchange>& earlier() const { return earlier_; }
  bool dropped_a_line() const { return dropped_; }
  // What the first line says: requests to a server of one's own read otherwise than those to the provider.
  bool compatible() const { return compatible_; }

 private:
  friend class JobTransport;
  struct Place {
    std::string job, hash;
    int64_t n = 0;
    auto operator<=>(const Place&) const = default;
  };

  Journal() = default;
  Status Load(std::string_view text, const std::string& path, size_t* good);
  bool Add(Json record);
  const Sent* Find(const Place& place) const;
  // sync: returns when it is on the disk.
  Status Append(const std::string& json, bool sync);
  Status PutAsked(const Place& place, const std::optional<Usd>& most);
  Status PutAnswer(const Place& place, const Sent& sent);

  int file_ = -1;
  bool writes_ = false;
  bool dropped_ = false;
  bool compatible_ = false;
  std::vector<Exchange> earlier_;
  std::map<Place, size_t> asked_;  // place in earlier_
  mutable std::mutex mutex_;       // for what follows, and for appending
  std::map<Place, Sent> answers_;
  std::map<std::string, std::string> done_;
};

}  // namespace clawtrace::llm
