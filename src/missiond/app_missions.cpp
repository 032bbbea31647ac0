#include <fmt/format.h>

#include <array>
#include <charconv>
#include <iterator>

#include "missiond/app.hpp"
#include "missiond/body.hpp"

namespace loadline::missiond {
namespace {

using Kind = FieldSpec::Kind;
constexpr std::int64_t one_year = 366 * 24 * 3600;
constexpr std::array new_mission_fields{
    FieldSpec{"title", Kind::text, true, 1, 200},
    FieldSpec{"streamerId", Kind::whole, true, 1, max_minted},
    FieldSpec{"amount", Kind::whole, false, 0, max_minted},
    FieldSpec{"deadlineSeconds", Kind::whole, false, 1, one_year}};
constexpr std::array bet_fields{FieldSpec{"amount", Kind::whole, true, 1, max_minted}};

/// The members of a mission, without the braces around them.
void write_mission(std::string& json, const Mission& mission) {
    fmt::format_to(std::back_inserter(json),
                   R"("missionId":{},"title":{},"streamerId":{},"state":"{}","pot":{},)"
                   R"("settled":{},"stakeCount":{},"deadline":)",
                   mission.id, json_string(mission.title), mission.streamer,
                   to_string(mission.state), mission.pot, mission.settled, mission.stakes);
    if (mission.deadline == 0) {
        json += "null";
    } else {
        const std::chrono::system_clock::time_point at{std::chrono::milliseconds{mission.deadline}};
        json += "\"" + iso_utc(at) + "\"";
    }
}

struct Page {
    std::optional<MissionState> state;
    MissionId after = 0;
};

/// Reads "state=open&after=100", each part optional.
Checked<Page> read_page(std::string_view query) {
    Page page;
    while (!query.empty()) {
        const auto part = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), part.size() + 1));
        const auto equals = std::min(part.find('='), part.size());
        const auto name = part.substr(0, equals);
        const auto value = part.substr(std::min(equals + 1, part.size()));
        if (name == "state") {
            MissionState state{};
            if (value.empty()) continue;
            if (!from_string(value, state)) {
                return Problem{400, "out_of_range", "\"state\" must be open, succeeded or failed"};
            }
            page.state = state;
        } else if (name == "after") {
            if (value.empty()) continue;
            const auto [end, ec] =
                std::from_chars(value.data(), value.data() + value.size(), page.after);
            if (ec != std::errc{} || end != value.data() + value.size() ||
                page.after > static_cast<MissionId>(max_minted)) {
                return Problem{400, "out_of_range", "\"after\" must be a mission's id"};
            }
        } else {
            return Problem{400, "unknown_parameter",
                           "the parameters of this request are state and after"};
        }
    }
    return page;
}

}  // namespace

Job App::create_mission(Call call) {
    const auto who = co_await authenticate(call);
    if (!who) co_return call.refuse(who.error());
    const auto body = read_body(call.request.body, new_mission_fields);
    if (!body) co_return call.refuse(body.error());
    NewMission mission;
    mission.title = body->text(0);
    mission.streamer = static_cast<UserId>(body->whole(1));
    mission.creator = who->user;
    mission.first_stake = body->whole_or(2, 0);
    if (body->has(3)) mission.deadline = wall_now() + body->whole(3) * 1000;
    const auto id = co_await call.store().create_mission(mission);
    if (!id) co_return call.refuse(id.error());
    call.answer(201, fmt::format(R"({{"missionId":{}}})", *id));
}

Job App::list_missions(Call call) {
    const auto wanted = read_page(call.request.query);
    if (!wanted) co_return call.refuse(wanted.error());
    const auto missions = co_await call.store().missions(wanted->state, wanted->after);
    if (!missions) co_return call.refuse(missions.error());
    std::string json = R"({"missions":[)";
    for (const auto& mission : *missions) {
        json += json.back() == '[' ? "{" : ",{";
        write_mission(json, mission);
        json += "}";
    }
    json += R"(],"next":)";
    json += missions->size() < page_size ? "null" : std::to_string(missions->back().id);
    json += "}";
    call.answer(200, json);
}

Job App::show_mission(Call call) {
    const auto found = co_await call.store().mission(call.id, wall_now());
    if (!found) co_return call.refuse(found.error());
    std::string json = "{";
    write_mission(json, found->first);
    json += R"(,"stakes":[)";
    for (const auto& stake : found->second) {
        if (json.back() != '[') json += ",";
        fmt::format_to(std::back_inserter(json), R"({{"userId":{},"amount":{}}})", stake.user,
                       stake.amount);
    }
    json += "]}";
    call.answer(200, json);
}

Job App::bet(Call call) {
    const auto who = co_await authenticate(call);
    if (!who) co_return call.refuse(who.error());
    if (who->role != Role::viewer) {
        co_return call.refuse({403, "not_viewer", "only viewers may bet"});
    }
    const auto body = read_body(call.request.body, bet_fields);
    if (!body) co_return call.refuse(body.error());
    const auto key = idempotency_key(call.request);
    if (!key) co_return call.refuse(key.error());
    const Bet bet{who->user, call.id, body->whole(0), *key};
    const auto placed = co_await call.store().bet(bet, wall_now());
    if (!placed) co_return call.refuse(placed.error());
    call.answer(201, fmt::format(R"({{"missionId":{},"amount":{},"pot":{},"cash":{}}})",
                                 bet.mission, bet.amount, placed->pot, placed->cash));
}

Job App::succeed(Call call) { return settle(std::move(call), MissionState::succeeded); }
Job App::fail(Call call) { return settle(std::move(call), MissionState::failed); }

Job App::settle(Call call, MissionState to) {
    const auto who = co_await authenticate(call);
    if (!who) co_return call.refuse(who.error());
    if (who->role != Role::streamer) {
        co_return call.refuse({403, "not_streamer", "only the mission's streamer may settle it"});
    }
    const auto body = read_body(call.request.body, {});
    if (!body) co_return call.refuse(body.error());
    const auto settled = co_await call.store().settle(call.id, who->user, to, wall_now());
    if (!settled) co_return call.refuse(settled.error());
    call.answer(200, fmt::format(R"({{"missionId":{},"state":"{}","{}":{},"stakes":{}}})", call.id,
                                 to_string(settled->state),
                                 to == MissionState::succeeded ? "paid" : "refunded",
                                 settled->amount, settled->stakes));
}

}  // namespace loadline::missiond
