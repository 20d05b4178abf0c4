#include "model/usd.h"

#include <cmath>

#include "base/result.h"

namespace clawtrace {
namespace {

__extension__ typedef __int128 Wide;
constexpr int64_t kMax = INT64_MAX;
constexpr int64_t kPicoPerDollar = 1'000'000'000'000;

int64_t Clamp(Wide value) {
  if (value > kMax) return kMax;
  if (value < -static_cast<Wide>(kMax)) return -kMax;
  return static_cast<int64_t>(value);
}

}  // namespace

std::optional<Usd> Usd::Parse(std::string_view text) {
  bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  int exponent = 0;
  if (size_t e = text.find_first_of("eE"); e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    bool minus = !digits.empty() && digits.front() == '-';
    if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
    if (digits.empty() || digits.size() > 3) return std::nullopt;
    for (char c : digits) {
      if (c < '0' || c > '9') return std::nullopt;
      exponent = exponent * 10 + (c - '0');
    }
    if (minus) exponent = -exponent;
    text = text.substr(0, e);
  }
  Wide value = 0;
  int scale = 12 + exponent;  // value * 10^scale is the amount in pico-dollars
  bool any = false, point = false;
  for (char c : text) {
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') return std::nullopt;
    any = true;
    if (value > static_cast<Wide>(kMax) * 1'000'000) {
      if (!point) ++scale;  // further digits only shift
      continue;
    }
    value = value * 10 + (c - '0');
    if (point) --scale;
  }
  if (!any) return std::nullopt;
  for (; scale > 0 && value != 0; --scale) {
    value *= 10;
    if (value > static_cast<Wide>(kMax) * 1'000'000'000) return std::nullopt;
  }
  for (; scale < 0 && value != 0; ++scale) {
    bool last = scale == -1;
    value = (value + (last ? 5 : 0)) / 10;
  }
  if (value > kMax) return std::nullopt;
  int64_t pico = static_cast<int64_t>(value);
  return Usd(negative ? -pico : pico);
}

std::optional<Usd> Usd::FromDouble(double dollars) {
  double pico = dollars * static_cast<double>(kPicoPerDollar);
  if (!std::isfinite(pico) || std::fabs(pico) > 9.2e18) return std::nullopt;
  return Usd(static_cast<int64_t>(std::llround(pico)));
}

Usd Usd::operator+(Usd other) const { return Usd(Clamp(static_cast<Wide>(pico_) + other.pico_)); }
Usd Usd::Times(int64_t count) const { return Usd(Clamp(static_cast<Wide>(pico_) * count)); }

std::string Usd::ToDecimal() const {
  std::string text = ToDecimal(12);
  size_t keep = text.find('.') + 2;
  while (text.size() > keep && text.back() == '0') text.pop_back();
  return text;
}

std::string Usd::ToDecimal(int places) const {
  CT_CHECK(places >= 1 && places <= 12);
  int64_t unit = 1;
  for (int i = places; i < 12; ++i) unit *= 10;
  bool negative = pico_ < 0;
  Wide magnitude = negative ? -static_cast<Wide>(pico_) : static_cast<Wide>(pico_);
  int64_t rounded = static_cast<int64_t>((magnitude + unit / 2) / unit);
  int64_t per_dollar = kPicoPerDollar / unit;
  std::string whole = std::to_string(rounded / per_dollar);
  std::string part = std::to_string(rounded % per_dollar);
  part.insert(0, static_cast<size_t>(places) - part.size(), '0');
  return (negative && rounded != 0 ? "-" : "") + whole + "." + part;
}

}  // namespace clawtrace
