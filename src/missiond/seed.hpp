#pragma once
#include <string>

#include "base/error.hpp"
#include "missiond/store.hpp"

namespace loadline::missiond {

/// What --seed-demo makes.
inline constexpr unsigned demo_viewers = 1000, demo_newcomers = 1000, demo_streamers = 50;
inline constexpr unsigned demo_missions = 1000;
inline constexpr Amount demo_cash = 1'000'000'000'000;

/// Fills an empty store with the demo's users and with open missions 1..1000, which
/// belong to a streamer of their own and so are never settled by the demo's. The
/// names and passwords are always the same ("viewer-0001", "viewer-0001-demo"). A
/// store that was seeded before is left as it is; one that holds anything else is
/// a usage error. Hashes the passwords on all cores.
Later<Result<void>> seed_demo(Store& store, unsigned kdf_rounds);

/// Writes viewers.csv, newcomers.csv and streamers.csv (columns name,password) into
/// `folder`, which is made if need be.
Result<void> write_demo_files(const std::string& folder);

}  // namespace loadline::missiond
