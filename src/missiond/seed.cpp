#include "missiond/seed.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "missiond/problem.hpp"
#include "missiond/secrets.hpp"

namespace loadline::missiond {
namespace {

struct Group {
    const char* name;
    unsigned count;
    Role role;
};
constexpr Group groups[] = {{"viewer", demo_viewers, Role::viewer},
                            {"newcomer", demo_newcomers, Role::viewer},
                            {"streamer", demo_streamers, Role::streamer}};

std::string name_of(const Group& group, unsigned n) {
    return fmt::format("{}-{:04}", group.name, n);
}
std::string password_of(const std::string& name) { return name + "-demo"; }

/// The owner of the missions, and the users of all groups, passwords not yet hashed.
std::vector<NewUser> demo_users() {
    std::vector<NewUser> users{{"house", Role::streamer, random_token(16)}};
    for (const auto& group : groups) {
        for (unsigned n = 1; n <= group.count; ++n) {
            auto name = name_of(group, n);
            auto password = password_of(name);
            users.push_back({std::move(name), group.role, std::move(password)});
        }
    }
    return users;
}

void hash_passwords(std::vector<NewUser>& users, unsigned rounds) {
    std::atomic<std::size_t> next{0};
    const auto work = [&] {
        for (auto i = next++; i < users.size(); i = next++) {
            users[i].password_hash = hash_password(users[i].password_hash, rounds);
        }
    };
    std::vector<std::jthread> threads(std::max(1u, std::thread::hardware_concurrency()));
    for (auto& thread : threads) thread = std::jthread{work};
}

Error refused(Refusal refusal) {
    return unreachable_error("--seed-demo: " + problem_of(refusal).message);
}

}  // namespace

Later<Result<void>> seed_demo(Store& store, unsigned kdf_rounds) {
    const auto seeded = co_await store.seeded();
    if (!seeded) co_return refused(seeded.error());
    if (*seeded) co_return Result<void>{};
    const auto before = co_await store.audit();
    if (!before) co_return refused(before.error());
    if (before->users + before->open + before->succeeded + before->failed > 0) {
        co_return usage_error(fmt::format(
            "--seed-demo: the store already holds {} users that it did not make; use an empty one",
            before->users));
    }

    auto users = demo_users();
    hash_passwords(users, kdf_rounds);
    UserId house = 0;
    for (const auto& user : users) {
        const auto id = co_await store.create_user(user);
        if (!id) co_return refused(id.error());
        if (house == 0) house = *id;
        const auto cash = co_await store.add_cash(*id, demo_cash, "", 0);
        if (!cash) co_return refused(cash.error());
    }
    for (unsigned n = 1; n <= demo_missions; ++n) {
        NewMission mission;
        mission.title = fmt::format("Mission {}", n);
        mission.streamer = mission.creator = house;
        const auto id = co_await store.create_mission(mission);
        if (!id) co_return refused(id.error());
    }
    const auto marked = co_await store.mark_seeded();
    if (!marked) co_return refused(marked.error());
    co_return Result<void>{};
}

Result<void> write_demo_files(const std::string& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    for (const auto& group : groups) {
        const auto path = fmt::format("{}/{}s.csv", folder, group.name);
        std::string text = "name,password\n";
        for (unsigned n = 1; n <= group.count; ++n) {
            const auto name = name_of(group, n);
            fmt::format_to(std::back_inserter(text), "{},{}\n", name, password_of(name));
        }
        std::ofstream file{path, std::ios::binary | std::ios::trunc};
        file << text;
        file.close();
        if (!file) return usage_error("--seed-demo: cannot write " + path);
    }
    return {};
}

}  // namespace loadline::missiond
