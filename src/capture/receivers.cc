#include <fmt/core.h>

#include "capture/receiver.h"

namespace clawtrace::capture {

#define CT_RECEIVER(constant) extern const Receiver constant;
#include "capture/receivers.def"
#undef CT_RECEIVER

const std::vector<const Receiver*>& Receivers() {
  static const std::vector<const Receiver*> all = {
#define CT_RECEIVER(constant) &constant,
#include "capture/receivers.def"
#undef CT_RECEIVER
  };
  return all;
}

const Receiver* FindReceiver(std::string_view name) {
  for (const Receiver* receiver : Receivers()) {
    if (receiver->name == name) return receiver;
  }
  return nullptr;
}

int64_t Received::rejected_items() const {
  int64_t sum = 0;
  for (const auto& [reason, count] : rejected) sum += count;
  return sum;
}

std::string Received::Message(std::string_view unit) const {
  std::string message;
  auto list = [&](const std::map<std::string, int64_t>& reasons) {
    std::string_view separator;
    for (const auto& [reason, count] : reasons) {
      message += fmt::format("{}{} ({})", separator, reason, count);
      separator = ", ";
    }
  };
  if (!rejected.empty()) {
    message = fmt::format("{} {} rejected: ", rejected_items(), unit);
    list(rejected);
  }
  if (!warnings.empty()) {
    message += message.empty() ? "used with changes: " : "; used with changes: ";
    list(warnings);
  }
  return message;
}

}  // namespace clawtrace::capture
