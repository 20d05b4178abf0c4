// The engines that the conformance suite runs on.
#include "store/conformance.h"
#include "store/sqlite_store.h"

namespace clawtrace::store {
namespace {

const Engine kSqlite = {
    .name = "sqlite", .open = [](const std::string& folder) {
      return OpenSqliteStore({.path = folder + "/store.db", .secret = "sixteen bytes or more"});
    }};

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance, testing::Values(kSqlite),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace clawtrace::store
