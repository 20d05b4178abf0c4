// The engines that the conformance suite runs on.
#include "store/conformance.h"
#include "store/memory_store.h"
#include "store/sqlite_store.h"

namespace clawtrace::store {
namespace {

const Engine kSqlite = {
    .name = "sqlite", .open = [](const std::string& folder) {
      return OpenSqliteStore({.path = folder + "/store.db", .secret = "sixteen bytes or more"});
    }};

const Engine kMemory = {
    .name = "memory",
    .open = [](const std::string&) -> Result<std::unique_ptr<Store>> { return MakeMemoryStore(); },
    .keeps = false,
    .has_files = false};

INSTANTIATE_TEST_SUITE_P(Engines, StoreConformance, testing::Values(kSqlite, kMemory),
                         [](const auto& engine) { return engine.param.name; });

}  // namespace
}  // namespace clawtrace::store
