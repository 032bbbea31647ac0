#include "base/procfs.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace loadline {
namespace {

TEST(OpenDescriptors, CountsOneMoreWhenOneIsOpened) {
    const auto before = open_descriptors();
    const int fd = ::open("/dev/null", O_RDONLY);
    const auto with = open_descriptors();
    ::close(fd);
    ASSERT_TRUE(before && with);
    EXPECT_EQ(*with, *before + 1);
}

TEST(TimeWaitSockets, CanBeRead) { EXPECT_TRUE(time_wait_sockets().has_value()); }

}  // namespace
}  // namespace loadline
