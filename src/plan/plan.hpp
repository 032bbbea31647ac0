#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/kubelet_probe.hpp"
#include "base/outcome.hpp"
#include "base/rate.hpp"
#include "base/response_view.hpp"
#include "base/time.hpp"
#include "base/tls_options.hpp"
#include "base/url.hpp"
#include "plan/check.hpp"
#include "plan/churn.hpp"
#include "plan/extract.hpp"
#include "plan/feeder.hpp"
#include "plan/rate_profile.hpp"
#include "plan/slo.hpp"
#include "plan/template.hpp"

/// plan: what the machine runs. Immutable; names are resolved to indices, templates are
/// segment lists, checks are variants. Judges replies through a ResponseView. Shared by
/// all workers and outlives them.
namespace loadline {

using VariableIndex = std::uint32_t;
using StepIndex = std::uint32_t;

struct TargetPlan {
    std::string name;
    Url url;
};

/// Where a target was found when the load began.
struct TargetAddresses {
    std::vector<std::string> addresses;  ///< those that answered, used in turn
    Duration resolve_time{};
    std::vector<std::string> sources;  ///< our own, used in turn; empty: the system's choice
};

/// One request to send. `request` renders to the bytes on the wire.
///
/// HTTP: `head` is the request line and the headers without Content-Length and without
/// the final blank line; `body` the body. Content-Length is added by render_request.
/// A POST, PUT or PATCH without a body has an empty one (Content-Length: 0).
/// Redis: each element of `arguments` is one argument of the command.
struct StepPlan {
    std::string name;          ///< unique within the plan; the key of every report
    std::uint32_t target = 0;  ///< index into Plan::targets
    bool transaction = false;  ///< counts in TPS and in SLO clauses without a name
    Duration timeout = std::chrono::seconds{10};  ///< from `sent` to the whole answer

    bool redis = false;
    bool head_request = false;  ///< HEAD: the answer has no body
    bool idempotent = false;    ///< may be sent again when a reused connection turns out dead
    Template head, body;
    bool has_body = false;
    std::vector<Template> arguments;
    std::string fixed_request;  ///< the bytes on the wire where nothing in them varies; else empty

    std::vector<Check> checks;
    std::vector<Capture> captures;
    bool keeps_body = false;  ///< a check or capture reads the body: the client must store it
};

struct SetAction {
    VariableIndex variable;
    Template value;
};
struct FeedAction {
    std::uint32_t feeder;
};  ///< next record of a feeder into its variables
struct ThinkAction {
    Duration low, high;
};  ///< uniform; low == high: constant
struct ExchangeAction {
    StepIndex step;
};
using Action = std::variant<SetAction, FeedAction, ThinkAction, ExchangeAction>;

struct JourneyPlan {
    std::string name;
    double share = 1;                       ///< weight among the journeys without a rate_part
    std::optional<double> rate_part;        ///< arrivals of its own: this part of the whole rate
    std::optional<std::uint32_t> sessions;  ///< "as": index into Plan::session_pools
    std::vector<Action> actions;
    std::optional<ChurnPoint> churn;  ///< where it may end its connection; nothing: it never does
};

/// Users who are logged in before the load starts; a journey borrows one.
struct SessionPoolPlan {
    std::string name;
    std::size_t count = 0;
    std::vector<Action> start;
};

enum class Arrivals : std::uint8_t { poisson, paced };

/// What becomes of an arrival that finds no free virtual user or session.
enum class AtCap : std::uint8_t {
    queue,  ///< it waits, and is dropped after the time-out of its first step
    drop,   ///< it is dropped at once
};

/// Open: `rate` arrivals per second over all journeys, or `stages` of it. Closed: `users`
/// virtual users, each starting its next journey when the last one has ended, or `pacing`
/// after the start of the last one when that is later. At most one of the three is set.
struct LoadPlan {
    std::optional<Rate> rate;
    std::optional<RateProfile> stages;
    std::optional<std::uint64_t> users;
    Duration pacing{};  ///< zero: none
    Arrivals arrivals = Arrivals::poisson;
    AtCap at_cap = AtCap::queue;
    Duration duration = std::chrono::seconds{30};  ///< the measured part
    Duration warmup{};
    Duration drain = std::chrono::seconds{5};

    /// The intended rate from the start of the warm-up on; nothing for a closed model.
    std::optional<RateProfile> profile() const {
        return rate ? std::optional<RateProfile>{*rate} : stages;
    }
    /// Of the whole load, drain excluded.
    Duration length() const { return warmup + duration; }
    bool says_load() const { return rate || stages || users; }
};

enum class ConnectionMode : std::uint8_t {
    pool,         ///< kept alive and shared by all users of a worker
    per_session,  ///< kept alive; each session, or user without one, has its own per target
    per_request,  ///< a new one for every exchange; we close first, after the reply
};

/// "pool", "per-session", "per-request": as in scenarios and reports.
const char* to_string(ConnectionMode mode);

/// How long each phase before the answer may take. The whole exchange has a limit per step.
struct Timeouts {
    Duration resolve = std::chrono::seconds{5};
    Duration connect = std::chrono::seconds{5};
    Duration tls = std::chrono::seconds{5};     ///< the handshake
    std::optional<Duration> first_byte{};       ///< from `sent`
    Duration whole = std::chrono::seconds{10};  ///< of steps without a time-out of their own
    /// How long the addresses of a name stay good: a connection opened later asks the
    /// resolver again. Nothing: they are asked for once, before the load.
    std::optional<Duration> dns_ttl{};
};

struct Plan {
    std::string name;
    std::vector<TargetPlan> targets;
    std::vector<StepPlan> steps;  ///< of journeys, then of session starts and of setup
    std::vector<JourneyPlan> journeys;
    std::vector<SessionPoolPlan> session_pools;
    std::vector<Action> setup;  ///< run once; its captures are visible to all
    std::vector<std::shared_ptr<const Feeder>> feeders;
    std::size_t variable_count = 0;
    std::vector<std::string> variable_names;  ///< for messages
    std::vector<SloClause> slos;
    LoadPlan load;
    ConnectionMode connections = ConnectionMode::pool;
    ChurnPlan churn;
    TlsOptions tls;
    Timeouts timeouts;
    std::optional<std::uint16_t> watch_port;
    bool judge_sockets = true;         ///< false: the scenario says "close_wait": false
    std::vector<KubeletProbe> probes;  ///< at most one of each kind, in the order of the kinds
    std::vector<std::string> secrets;  ///< values that must never reach a report or a log

    /// Index of the step of this name; nothing if there is none.
    std::optional<StepIndex> find_step(std::string_view name) const;
};

/// Renders the request beforehand if nothing in it varies: most of the cost of a plain GET.
void fix_request(StepPlan& step);

/// Renders the bytes of one request into `out` (cleared first; reused, so it does not
/// allocate in the steady state). `scratch` holds the body meanwhile.
void render_request(const StepPlan& step, const RenderContext& context, std::string& scratch,
                    std::string& out);

/// Sets the action's variable: text and number flag. `scratch` is reused; the template may
/// read the very variable it sets. No allocation in the steady state.
void apply_set(const SetAction& action, const RenderContext& context, std::string& scratch);

/// Judges one answer: the step's checks in order, then its captures into `variables`.
/// HTTP without a status check: 200..399 is ok. Redis without a check: any reply but an
/// error is ok. No allocation in the steady state.
Outcome judge_reply(const StepPlan& step, const ResponseView& reply, std::vector<Value>& variables);

}  // namespace loadline
