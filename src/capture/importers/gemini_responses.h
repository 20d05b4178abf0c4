#pragma once
// What `gemini --record-responses FILE` writes: the model's answers, one request a line, without prompts,
// times and names.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/json.h"
#include "capture/importers/trajectory.h"

namespace clawtrace::capture {

// {"method": "generateContentStream", "response": ...}
bool IsRecordedResponse(Json record);

// A session of such records, in the order of the lines: nothing else tells it.
class RecordedResponses {
 public:
  using SkipFn = std::function<void(std::string_view)>;
  RecordedResponses(std::string_view source, std::string_view session, FactSink* sink);
  // raw: the record's bytes, which stand for its id. skip gets the reason of what is unusable.
  void Take(Json record, std::string_view raw, const SkipFn& skip);
  void Finish();

 private:
  Trajectory out_;
  std::unordered_set<uint64_t> seen_;
};

}  // namespace clawtrace::capture
