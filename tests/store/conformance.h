#pragma once
// What every engine of a store must do (src/store/store.h). An engine joins by one line:
//   INSTANTIATE_TEST_SUITE_P(Name, StoreConformance, testing::Values(kEngine));
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "base/temp_folder_test_util.h"
#include "store/store.h"

namespace clawtrace::store {

struct Engine {
  std::string name;
  // An empty store. folder is empty and the test's own. The same folder later: the same store again.
  std::function<Result<std::unique_ptr<Store>>(const std::string& folder)> open;
  bool keeps = true;      // what was stored is there when it is opened again
  bool has_files = true;  // in folder, to be searched for what was removed
};

class StoreConformance : public testing::TestWithParam<Engine> {
 protected:
  void SetUp() override;
  void TearDown() override;
  void Reopen();
  Store& store() { return *store_; }

  test::TempFolder folder_;

 private:
  std::unique_ptr<Store> store_;
};

inline void PrintTo(const Engine& engine, std::ostream* out) { *out << engine.name; }

}  // namespace clawtrace::store
