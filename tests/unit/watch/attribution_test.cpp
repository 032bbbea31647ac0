#include "watch/attribution.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace loadline {
namespace {

/// Arguments as /proc/PID/cmdline has them, written with '|' for NUL.
std::string shown(std::string arguments) {
    std::replace(arguments.begin(), arguments.end(), '|', '\0');
    return printable_command(arguments);
}

TEST(PrintableCommand, JoinsArgumentsAndMasksSecrets) {
    const struct {
        const char* arguments;
        const char* text;
    } rows[] = {
        {"", ""},
        {"missiond|--listen|127.0.0.1:8080|", "missiond --listen 127.0.0.1:8080"},
        {"missiond|--admin-token|s3cret|--threads|2|", "missiond --admin-token *** --threads 2"},
        {"missiond|--admin-token=s3cret|", "missiond --admin-token=***"},
        {"java|-Dspring.redis.password=s3cret|-jar|app.jar|",
         "java -Dspring.redis.password=*** -jar app.jar"},
        {"env|REDIS_PASSWORD=s3cret|app|", "env REDIS_PASSWORD=*** app"},
        {"redis-server|--requirepass|s3cret|", "redis-server --requirepass ***"},
        {"app|--client-secret|-x9|", "app --client-secret ***"},
        {"app|--ask-password|--port|80|", "app --ask-password --port 80"},
        {"missiond|--token-life|1h|", "missiond --token-life 1h"},
        {"missiond|--store|redis://me:s3cret@h:6379/0|",
         "missiond --store redis://me:***@h:6379/0"},
        {"missiond|--store|redis://h:6379/a@b|", "missiond --store redis://h:6379/a@b"},
        {"nginx: worker process", "nginx: worker process"},
        {"odd|\x01\xff\n|", "odd ???"},
    };
    for (const auto& [arguments, text] : rows) EXPECT_EQ(shown(arguments), text) << arguments;
}

TEST(PrintableCommand, IsAtMost200CharactersLong) {
    EXPECT_EQ(shown(std::string(200, 'x')), std::string(200, 'x'));
    EXPECT_EQ(shown(std::string(201, 'x')), std::string(197, 'x') + "...");
}

TEST(WithoutKeepers, TheServiceIsTakenAndNotWhoOpenedItsSocket) {
    const struct {
        const char* what;
        std::map<int, std::string> holders;  // by pid: the cgroup
        std::vector<int> serving;
    } rows[] = {
        {"nobody is visible", {}, {}},
        {"one", {{42, "/a"}}, {42}},
        {"systemd, before the service runs", {{1, "/init.scope"}}, {1}},
        {"systemd and a service", {{1, "/init.scope"}, {42, "/system.slice/shop"}}, {42}},
        {"and with workers", {{1, "/init.scope"}, {42, "/shop"}, {43, "/shop"}}, {42, 43}},
        {"a user's systemd", {{900, "/user/init.scope"}, {950, "/user/app/shop"}}, {950}},
        {"a container's master", {{1, "/"}, {7, "/"}, {8, "/"}}, {1, 7, 8}},
        {"without cgroups", {{1, ""}, {7, ""}}, {1, 7}},
        {"a worker that has ended meanwhile", {{42, "/a"}, {43, ""}, {44, "/a"}}, {42, 44}},
        {"a master that has", {{42, ""}, {43, "/a"}, {44, "/a"}}, {43, 44}},
        {"a service's worker that has", {{1, "/i"}, {42, "/a"}, {43, ""}}, {42}},
    };
    for (const auto& row : rows) {
        SCOPED_TRACE(row.what);
        SocketHolders holders;
        for (const auto& [pid, cgroup] : row.holders) holders[4711].insert(pid);
        EXPECT_EQ(without_keepers(holders, [&](int pid) { return row.holders.at(pid); }),
                  row.serving);
    }
}

TEST(WithoutKeepers, InstancesWithASocketEachKeepItForNobody) {
    const std::map<int, std::string> cgroups{
        {1, "/init"}, {100, "/shop@1"}, {101, "/shop@1"}, {200, "/shop@2"}, {300, "/other"}};
    const auto cgroup_of = [&](int pid) { return cgroups.at(pid); };
    EXPECT_EQ(without_keepers({{11, {100, 101}}, {12, {200}}}, cgroup_of),
              (std::vector{100, 101, 200}));
    EXPECT_EQ(without_keepers({{11, {100}}, {12, {1, 300}}}, cgroup_of), (std::vector{100, 300}));
}

TEST(Attribution, ReadsThisProcess) {
    const int self = ::getpid();
    EXPECT_TRUE(process_exists(self));
    EXPECT_NE(command_of(self).find("unit_watch"), std::string::npos) << command_of(self);
    const auto before = open_fds(self);
    ASSERT_TRUE(before.has_value());
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    EXPECT_EQ(open_fds(self), *before + 2);
    ::close(ends[0]);
    ::close(ends[1]);
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    EXPECT_EQ(fd_limit(self), limit.rlim_cur);
}

TEST(Attribution, IsAbsentForAProcessThatIsNotThere) {
    constexpr int nobody = 0x7ffffffe;  // beyond any pid_max
    EXPECT_FALSE(process_exists(nobody));
    EXPECT_EQ(command_of(nobody), "");
    EXPECT_FALSE(open_fds(nobody).has_value());
    EXPECT_FALSE(fd_limit(nobody).has_value());
}

}  // namespace
}  // namespace loadline
