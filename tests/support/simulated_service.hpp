#pragma once
#include <cmath>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "base/rng.hpp"
#include "stats/histogram.hpp"
#include "trial/probe_watch.hpp"
#include "trial/search.hpp"

namespace loadline {

/// A service whose load line is known, for searches in virtual time.
struct ServiceModel {
    enum class Kind {
        plain,
        pauses,      ///< nothing is served for 150 ms about every 10 s (a garbage collector)
        drifting,    ///< its speed wanders by 10 %, with a memory of 60 s
        bounded,     ///< rejects what finds 64 others waiting
        metastable,  ///< clients give up after 200 ms and try again, three times; the work stays
        cold,        ///< 2.5 times slower at first; warm after some 20 000 requests
        broken       ///< plain, until more than 200 wait: then five times slower for good
    };
    std::string name;
    Kind kind = Kind::plain;
    int servers = 1;
    double mean_s = .001;  ///< service time
    double cv = -1;        ///< of a lognormal one; 0: constant; below 0: exponential
    double idle_s = 0;     ///< latency on top, without a queue
    double error_share = 0;

    /// The rate at which half of all holds of 10 minutes pass (p99 <= 100 ms, errors <= 0.1 %),
    /// and the share of such holds that fail, by rate / load_line; measured, see the data file.
    double load_line = 0;
    struct HoldFails {
        double rate, share;
    };
    std::vector<HoldFails> hold_fails{};
    /// Interpolated between the rates that were measured.
    double hold_fails_at(double rate) const;
};

/// The ten models of the table, their load lines read from search_truth.txt.
std::vector<ServiceModel> known_services();
const ServiceModel& known_service(const std::vector<ServiceModel>& all, const std::string& name);

/// p99 <= 100 ms and errors <= 0.1 %, or with other figures.
std::vector<SearchClause> two_clauses(Duration limit = std::chrono::milliseconds{100});

/// First come, first served, by the instants at which each server is next free; an open load.
/// What waits outlives a probe, as it does in a service.
class SimulatedService {
public:
    SimulatedService(const ServiceModel& model, std::uint64_t seed, bool poisson = true);

    /// One trial in windows of 250 ms, with the watch that a real one has, and its drain.
    ProbeResult run(const TrialSpec& spec, const std::vector<SearchClause>& clauses);

    double generator_limit = HUGE_VAL;  ///< above this rate a trial is INVALID

private:
    struct Request {
        double latency = 0;
        bool error = false;
    };
    struct Retry {
        double at;
        int tries;
    };
    struct Tally;

    double service_time();
    Request submit(double at);
    void serve_retries(double until);
    double pause_until(double begin, double work);
    double speed_at(double second);
    void window(double end, double rate, Tally& tally);
    bool drain(bool failed);

    ServiceModel model_;
    Rng rng_;
    bool poisson_;
    std::vector<double> times_;  ///< quantiles of the service time
    double now_ = 0, next_arrival_ = 0;
    std::vector<double> free_;    ///< when each server is; a min-heap
    std::deque<double> waiting_;  ///< when those that wait will start
    std::deque<Retry> retries_;
    std::vector<double> pauses_;
    std::size_t pause_ = 0;
    std::vector<double> speeds_;  ///< of each second
    double wander_ = 0;
    double served_ = 0;
    std::uint64_t lost_ = 0;  ///< gave up after their last try, since the last window
    bool broken_ = false;
};

struct SimulatedSearch {
    CapacityResult capacity;
    double claim = 0;       ///< q20 after the search, before the holds
    double half_width = 0;  ///< of the 90 % interval, in ln of the rate
    double probing_s = 0;
    std::size_t holds = 0;
};

/// A whole search in virtual time.
SimulatedSearch simulate(const SearchOptions& options, SimulatedService& service);

/// A search that starts at 1/40 to 1/15 of the load line, as the seed draws it.
SearchOptions options_for(const ServiceModel& model, double budget_s, std::optional<double> hold_s,
                          std::uint64_t seed);

}  // namespace loadline
