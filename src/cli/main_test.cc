#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

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

TEST(DoctorTest, SaysWhyThereIsNoSandbox) {
  std::ostringstream out, err;
  World world;
  world.out = &out, world.err = &err;
  world.workplace_program = "/nowhere/clawtrace-workplace";
  const char* argv[] = {"clawtrace", "doctor"};
  Main(2, argv, world);
  EXPECT_THAT(
      out.str(),
      ::testing::HasSubstr(
          "\nnote  no sandbox, so no recorded command is executed: cannot start "
          "/nowhere/clawtrace-workplace: No such file or directory\n      install clawtrace again\n"));
}

}  // namespace
}  // namespace clawtrace::cli
