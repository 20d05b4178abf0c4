#pragma once
// Money: an exact count of pico-dollars (10^-12 USD). Sums never depend on order. Range +-9.2 million USD;
// arithmetic saturates at the range's ends, and a saturated amount says so (is_saturated).
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace clawtrace {

class Usd {
 public:
  constexpr Usd() = default;
  static constexpr Usd Pico(int64_t pico) { return Usd(pico); }
  // "12", "0.0825", "2.5e-05", "-1.5": decimal, more than 12 places are rounded half up. nullopt when it is
  // none or out of range.
  static std::optional<Usd> Parse(std::string_view decimal);
  // From a binary floating point number as JSON logs carry it: rounded to the nearest pico-dollar.
  static std::optional<Usd> FromDouble(double dollars);

  constexpr int64_t pico() const { return pico_; }
  constexpr bool is_zero() const { return pico_ == 0; }
  constexpr bool is_saturated() const { return pico_ == INT64_MAX || pico_ == -INT64_MAX; }

  Usd operator+(Usd other) const;
  Usd operator-(Usd other) const { return *this + Usd(-other.pico_); }
  Usd& operator+=(Usd other) { return *this = *this + other; }
  Usd Times(int64_t count) const;
  constexpr auto operator<=>(const Usd&) const = default;

  // Plain decimal without exponent, up to 12 places, no trailing zeros, at least one place ("0.0",
  // "0.000155").
  std::string ToDecimal() const;
  // Rounded half away from zero to that many places.
  std::string ToDecimal(int places) const;

 private:
  explicit constexpr Usd(int64_t pico) : pico_(pico) {}
  int64_t pico_ = 0;
};

}  // namespace clawtrace
