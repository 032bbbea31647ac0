#include "base/fill.hpp"

#include <gtest/gtest.h>

namespace loadline {
namespace {

TEST(Fill, IsComparedByShareAndAKnownLimitComesFirst) {
    const struct {
        const char* what;
        Fill fuller, other;
    } rows[] = {
        {"a larger share of fewer places", {90, 100}, {800, 1024}},
        {"a known limit before none", {1, 1024}, {5000, 0}},
        {"without limits the larger", {6, 0}, {5, 0}},
        {"of equal shares the larger", {200, 400}, {100, 200}},
        {"more than the limit", {12, 10}, {10, 10}},
        {"numbers whose product leaves 64 bits", {1ULL << 32, 1ULL << 33}, {1, 1ULL << 32}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        EXPECT_TRUE(row.fuller.fuller_than(row.other));
        EXPECT_FALSE(row.other.fuller_than(row.fuller));
        EXPECT_FALSE(row.fuller.fuller_than(row.fuller));
    }
}

}  // namespace
}  // namespace loadline
