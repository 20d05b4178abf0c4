#pragma once
// Jobs at once, with a bound.
#include <cstddef>
#include <functional>

namespace clawtrace::distill {

// Calls job(index, worker) once for each index below count, on at most workers threads; worker is below
// workers, and no two calls at once have the same. Jobs begin in the order of their indexes. When job says
// false, no more begin (those under way end). Returns how many were begun.
size_t RunFleet(size_t count, size_t workers, const std::function<bool(size_t index, size_t worker)>& job);

}  // namespace clawtrace::distill
