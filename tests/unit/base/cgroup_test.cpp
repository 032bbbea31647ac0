#include "base/cgroup.hpp"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "temporary_folder.hpp"

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

/// A file tree with the groups of a machine, as seen from somewhere.
class VisibleCgroupsTest : public testing::Test {
protected:
    void write(const std::string& path, const std::string& text) const {
        folder_.write(path.substr(1), text);
    }
    VisibleCgroups look(const char* controller) const {
        auto groups = visible_cgroups(7, controller, root_);
        for (auto* folders : {&groups.own, &groups.above}) {
            for (auto& folder : *folders) folder.erase(0, root_.size());
        }
        return groups;
    }
    /// These folders, and no hidden group.
    void expect_visible(const char* controller, const std::vector<std::string>& own,
                        const std::vector<std::string>& above) const {
        const auto groups = look(controller);
        EXPECT_EQ(groups.own, own);
        EXPECT_EQ(groups.above, above);
        EXPECT_FALSE(groups.hidden);
    }

    const TemporaryFolder folder_;
    const std::string root_ = folder_.path.string();
};

TEST_F(VisibleCgroupsTest, AreThoseOnTheWayUp) {
    write("/proc/7/cgroup", "0::/kube/pod7\n");
    write("/sys/fs/cgroup/kube/pod7/cgroup.procs", "6\n7\n");
    write("/sys/fs/cgroup/kube/cpu.max", "50000 100000\n");
    write("/sys/fs/cgroup/kube/pod7/cpu.max", "max 100000\n");
    expect_visible("cpu", {"/sys/fs/cgroup/kube/pod7"}, {"/sys/fs/cgroup/kube", "/sys/fs/cgroup"});
    EXPECT_EQ(cpu_quota(visible_cgroups(7, "cpu", root_)).value().cores, 0.5);
}

TEST_F(VisibleCgroupsTest, OfVersion1AreThoseOfTheController) {
    write("/proc/7/cgroup", "4:memory:/a\n1:cpu,cpuacct:/b\n0::/\n");
    write("/sys/fs/cgroup/cpu/b/cgroup.procs", "7\n");
    expect_visible("cpu", {"/sys/fs/cgroup/cpu/b"}, {"/sys/fs/cgroup/cpu"});
}

TEST_F(VisibleCgroupsTest, OurOwnIsNotTakenForThatOfANeighbour) {
    // With a cgroup namespace of ours, and without: a bind mount shows our group as the top.
    for (const char* path : {"/../target", "/docker/target"}) {
        SCOPED_TRACE(path);
        write("/proc/7/cgroup", std::string{"0::"} + path + "\n");
        write("/sys/fs/cgroup/cgroup.procs", "1\n77\n");
        write("/sys/fs/cgroup/cpu.max", "10000 100000\n");
        const auto groups = look("cpu");
        EXPECT_THAT(groups.own, IsEmpty());
        EXPECT_THAT(groups.above, IsEmpty());
        EXPECT_TRUE(groups.hidden);
        EXPECT_FALSE(cpu_quota(groups));
    }
}

TEST_F(VisibleCgroupsTest, ANeighboursOwnViewShowsItsGroup) {
    write("/proc/7/cgroup", "0::/../target\n");
    write("/sys/fs/cgroup/cgroup.procs", "1\n");
    write("/proc/7/root/sys/fs/cgroup/cgroup.procs", "7\n");
    expect_visible("memory", {"/proc/7/root/sys/fs/cgroup"}, {});
}

TEST_F(VisibleCgroupsTest, OursIsTheTopWhereTheTargetIsInItToo) {
    write("/proc/7/cgroup", "4:memory:/docker/both\n");
    write("/sys/fs/cgroup/memory/cgroup.procs", "7\n");
    EXPECT_THAT(look("memory").own, ElementsAre("/sys/fs/cgroup/memory"));
}

TEST_F(VisibleCgroupsTest, OfVersion2BesideVersion1AreBelowUnified) {
    write("/proc/7/cgroup", "4:memory:/a\n0::/b/c\n");
    write("/sys/fs/cgroup/memory/a/cgroup.procs", "7\n");
    write("/sys/fs/cgroup/unified/cgroup.procs", "1\n");
    write("/sys/fs/cgroup/unified/b/c/cgroup.procs", "7\n");
    expect_visible("cpu", {"/sys/fs/cgroup/unified/b/c"},
                   {"/sys/fs/cgroup/unified/b", "/sys/fs/cgroup/unified"});
    EXPECT_THAT(look("memory").own,
                ElementsAre("/sys/fs/cgroup/memory/a", "/sys/fs/cgroup/unified/b/c"));
}

TEST_F(VisibleCgroupsTest, NoGroupIsNoneHidden) {
    EXPECT_FALSE(look("cpu").hidden);
    write("/proc/7/cgroup", "4:memory:/a\n");
    EXPECT_FALSE(look("cpu").hidden);
}

TEST_F(VisibleCgroupsTest, OfAHierarchyThatIsNotMountedNoneIsHidden) {
    write("/proc/7/cgroup", "4:memory:/a\n0::/\n");
    write("/sys/fs/cgroup/memory/a/cgroup.procs", "7\n");  // and without a v1 controller of CPU
    EXPECT_FALSE(look("cpu").hidden);
    write("/sys/fs/cgroup/unified/cgroup.procs", "1\n");
    EXPECT_TRUE(look("cpu").hidden);
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
