#include <gtest/gtest.h>

#include "cli/command.h"

namespace clawtrace::cli {
namespace {

TEST(CommandTest, TheUsageNamesEveryFlag) {
  for (const Command* command : Commands()) {
    EXPECT_TRUE(command->usage.starts_with(command->name)) << command->name;
    for (const Flag& flag : command->flags)
      EXPECT_NE(command->usage.find(flag.name), std::string_view::npos) << command->name << " " << flag.name;
  }
}

}  // namespace
}  // namespace clawtrace::cli
