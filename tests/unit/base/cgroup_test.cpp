#include "base/cgroup.hpp"

#include <gmock/gmock.h>

namespace loadline {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(CpuStatFiles, OfVersion2AreTheGroupsOwnAndThoseAbove) {
    EXPECT_THAT(cpu_stat_files("0::/kube/pod7\n"),
                ElementsAre("/sys/fs/cgroup/kube/pod7/cpu.stat", "/sys/fs/cgroup/kube/cpu.stat",
                            "/sys/fs/cgroup/cpu.stat"));
    EXPECT_THAT(cpu_stat_files("0::/\n"), ElementsAre("/sys/fs/cgroup/cpu.stat"));
}

TEST(CpuStatFiles, OfVersion1AreThoseOfTheCpuController) {
    EXPECT_THAT(cpu_stat_files("5:cpuset:/x\n4:cpu,cpuacct:/docker\n3:memory:/docker\n"),
                ElementsAre("/sys/fs/cgroup/cpu/docker/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"));
}

TEST(CpuStatFiles, AreNoneForWhatIsNotUnderstood) {
    EXPECT_THAT(cpu_stat_files(""), IsEmpty());
    EXPECT_THAT(cpu_stat_files("nonsense\n"), IsEmpty());
}

TEST(ThrottledTime, IsReadFromBothVersions) {
    EXPECT_EQ(throttled_time_in("usage_usec 5\nnr_throttled 2\nthrottled_usec 1500\n"),
              std::chrono::microseconds{1500});
    EXPECT_EQ(throttled_time_in("nr_periods 9\nnr_throttled 2\nthrottled_time 1500\n"),
              std::chrono::nanoseconds{1500});
    EXPECT_EQ(throttled_time_in("usage_usec 5\n"), std::nullopt);
}

}  // namespace
}  // namespace loadline
