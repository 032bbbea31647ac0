#pragma once
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "plan/compile.hpp"
#include "plan/node.hpp"
#include "plan/template_parse.hpp"

namespace loadline {

/// A data source whose name is known; what it holds only if it could be read.
struct KnownFeeder {
    std::uint32_t index = 0;
    bool readable = false;
    bool numbers = false;
    std::vector<std::string> columns;
};

/// What the passes of one compilation share: the plan as far as it is built, the names,
/// and what was found wrong. Lives for one call of `compile`.
class CompileContext {
public:
    CompileContext(const Scenario& s, const Overrides& o) : scenario{s}, overrides{o} {}

    /// The variable of this name; a new one the first time.
    VariableIndex variable(std::string_view name);

    void problem(const Node& at, std::string message, std::string hint = "", std::string part = "");
    void problem_about_key(const Node& at, std::string message, std::string hint = "");
    void flag_problem(std::string message, std::string hint = "");
    /// The problems of a template, each with its subject in front: `step "bet"`.
    void template_problems(const Node& at, std::string_view subject,
                           const std::vector<TemplateProblem>& problems);

    /// Index of a target, which must be of this kind; a problem and nothing otherwise.
    std::optional<std::uint32_t> target(const Node& at, std::string_view name, bool redis);

    /// Reads a duration above zero (or also zero).
    std::optional<Duration> duration(const Node& at, bool zero_allowed);

    const Scenario& scenario;
    const Overrides& overrides;
    Plan plan;
    std::vector<Diagnostic> problems;
    std::map<std::string, KnownFeeder, std::less<>> feeders;
    std::vector<std::string> broken_targets;  ///< names whose URL was refused
    /// Ports of the scenario's targets that --target replaced, and what by.
    std::vector<std::pair<std::uint16_t, std::uint16_t>> moved_ports;
    std::map<std::string, std::string> step_places;      ///< step name -> journey "bet", setup, ...
    std::vector<std::optional<bool>> transaction_marks;  ///< "transaction" of each step
    std::size_t journey_steps = 0;                       ///< the first steps of the plan

private:
    std::map<std::string, VariableIndex, std::less<>> variables_;
};

/// "did you mean X?" or the list of what there is; empty when there is nothing.
std::string name_hint(std::string_view word, const std::vector<std::string_view>& known,
                      std::string_view list_intro);

/// The passes, each in its own file. All read the scenario and fill `context.plan`.
void compile_targets(CompileContext& context, const Node& root);
void override_targets(CompileContext& context);
void compile_transport(CompileContext& context, const Node& root);
void compile_data(CompileContext& context, const Node& root);
void compile_sequences(CompileContext& context, const Node& root);
/// After the journeys and the targets.
void compile_churn(CompileContext& context, const Node& root);
/// After the journeys, some of which have a rate of their own; with the flags applied.
void compile_load(CompileContext& context, const Node& root);
/// After the targets, with the flags applied.
void compile_watch(CompileContext& context, const Node& root);

/// Puts the flags that change the load into the scenario as it is run.
void write_load_overrides(const Overrides& flags, const Plan& plan, nlohmann::ordered_json& json);

/// Puts the flags of the transport where the scenario's own stand.
void write_transport(const TransportFlags& flags, nlohmann::ordered_json& json);

/// What the names in one list of steps stand for, growing from step to step.
struct StepScope {
    std::string title;                            ///< journey "bet", session "viewer", setup
    std::set<std::string, std::less<>> known;     ///< variables set so far
    std::vector<std::string> earlier;             ///< HTTP steps so far that could capture
    std::set<std::uint32_t> feeders;              ///< used in this sequence
    std::optional<std::uint32_t> session_feeder;  ///< already in the session's variables
    bool journey = false;
};

/// Compiles one request ("http" or "redis") and appends it to the plan's steps.
std::optional<StepIndex> compile_request(CompileContext& context, StepScope& scope,
                                         const Node& step);

/// Compiles a template that stands at `at`; problems are reported for `subject`.
std::vector<Template::Segment> compile_template(CompileContext& context, StepScope& scope,
                                                const Node& at, std::string_view text,
                                                Template::Escape escape, std::string_view subject);

/// Whether `name` may be set or captured here; a problem about the key otherwise.
bool check_variable_name(CompileContext& context, const Node& at, const std::string& name);

}  // namespace loadline
