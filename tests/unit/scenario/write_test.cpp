#include <gtest/gtest.h>

#include "scenario/scenario.hpp"

namespace loadline {
namespace {

TEST(WriteScenario, MasksSecretsInTextsKeysAndNumbers) {
    const auto json = nlohmann::ordered_json::parse(
        R"({"url": "redis://:pa\"ss@h", "pa\"ss": 1, "pin": 1234, "n": 12345, "list": ["x1234y"]})");
    EXPECT_EQ(write_scenario(json, {"pa\"ss", "1234", ""}), R"({
  "url": "redis://:***@h",
  "***": 1,
  "pin": "***",
  "n": 12345,
  "list": [
    "x***y"
  ]
}
)");
}

TEST(MaskSecrets, TakesTheLongestFirst) {
    EXPECT_EQ(mask_secrets("token=abcdef; abc", {"abc", "abcdef"}), "token=***; ***");
}

TEST(PointerTo, EscapesTildeAndSlash) {
    EXPECT_EQ(pointer_to("/a", "b/c~d"), "/a/b~1c~0d");
    EXPECT_EQ(pointer_to("", 3u), "/3");
}

}  // namespace
}  // namespace loadline
