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

TEST(CgroupFolders, AreThoseOfTheControllerAskedFor) {
    EXPECT_THAT(cgroup_folders("4:memory:/a/b\n1:cpu:/\n", "memory"),
                ElementsAre("/sys/fs/cgroup/memory/a/b", "/sys/fs/cgroup/memory/a",
                            "/sys/fs/cgroup/memory"));
}

TEST(NumberIn, TakesWholeKeysAlone) {
    const auto* text = "oom 5\noom_kill_disable 0\noom_kill 3\n";
    EXPECT_EQ(number_in(text, "oom_kill"), 3u);
    EXPECT_EQ(number_in(text, "oom"), 5u);
    EXPECT_EQ(number_in(text, "kill"), std::nullopt);
    EXPECT_EQ(number_in("oom_kill x\n", "oom_kill"), std::nullopt);
}

TEST(CpuMax, IsAShareOfItsPeriodOrNone) {
    EXPECT_EQ(cores_of_cpu_max("50000 100000\n"), 0.5);
    EXPECT_EQ(cores_of_cpu_max("max 100000\n"), std::nullopt);
    EXPECT_EQ(cores_of_cpu_max(""), std::nullopt);
}

}  // namespace
}  // namespace loadline
