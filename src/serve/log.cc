#include "serve/log.h"

#include "base/json.h"
#include "base/text.h"

namespace clawtrace::serve {

void Log::Say(Level level, std::string_view event, const Fields& fields) {
  if (!out_) return;
  std::string line = "{\"time\":\"" + FormatIsoTime(now_ns_()) + "\",\"level\":\"";
  line += level == Level::kInfo ? "info" : level == Level::kWarning ? "warning" : "error";
  line += "\",\"event\":";
  AppendJsonString(event, &line);
  for (const auto& [name, value] : fields) {
    line += ',';
    AppendJsonString(name, &line);
    line += ':';
    AppendJsonString(value, &line);
  }
  line += "}\n";
  std::lock_guard lock(mutex_);
  *out_ << line << std::flush;
}

}  // namespace clawtrace::serve
