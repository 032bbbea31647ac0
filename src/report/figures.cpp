#include "report/figures.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/units.hpp"
#include "result/verdict.hpp"
#include "stats/quantile.hpp"

namespace loadline {
namespace {

bool in_a_journey(const Plan& plan, std::size_t step) {
    for (const auto& journey : plan.journeys) {
        for (const auto& action : journey.actions) {
            const auto* exchange = std::get_if<ExchangeAction>(&action);
            if (exchange && exchange->step == step) return true;
        }
    }
    return false;
}

/// What the verdict of a search is when nothing else speaks against it.
VerdictWord tone_of(const std::string& capacity_word) {
    if (capacity_word == "CONFIRMED" || capacity_word == "ESTIMATE-ONLY") return VerdictWord::pass;
    if (capacity_word == "NO-RATE" || capacity_word == "METASTABLE") return VerdictWord::fail;
    return VerdictWord::invalid;
}

std::string sentence_without_reasons(const RunResult& result) {
    const auto done = pooled_transactions(result).count();
    const auto what = fmt::format("{} transactions in {}", count_text(done),
                                  round_duration(result.measurement.measured));
    if (result.clauses.empty()) return "no SLO was set; " + what;
    if (result.verdict.word == VerdictWord::pass) return "every SLO holds; " + what;
    return what;
}

}  // namespace

StepStats pooled_transactions(const RunResult& result) {
    return pooled_transactions(*result.plan, result.measurement.total);
}

std::array<std::uint64_t, outcome_count> all_outcomes(const RunResult& result) {
    std::array<std::uint64_t, outcome_count> sum{};
    for (const auto& step : result.measurement.total.steps) {
        for (std::size_t i = 0; i < outcome_count; ++i) sum[i] += step.outcomes[i];
    }
    return sum;
}

Duration timeout_of(const RunResult& result) {
    Duration longest{};
    for (const auto& step : result.plan->steps) {
        if (step.transaction) longest = std::max(longest, step.timeout);
    }
    return longest;
}

std::vector<std::size_t> listed_steps(const RunResult& result) {
    std::vector<std::size_t> listed;
    const auto& steps = result.measurement.total.steps;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].count() > 0 || in_a_journey(*result.plan, i)) listed.push_back(i);
    }
    return listed;
}

double journeys_per_second(const RunResult& result) {
    const auto length = to_seconds(result.measurement.measured);
    return length > 0 ? static_cast<double>(result.measurement.throughput.journeys) / length : 0;
}

std::string cpu_text(const GeneratorHealth& g) {
    auto text = fmt::format("{} of a core by the busiest worker", format_share(g.cpu_share_max));
    if (g.worker_cpu.size() > 1 && g.worker_cpu.size() <= 8) {
        std::vector<std::string> shares;
        for (const auto share : g.worker_cpu) shares.push_back(format_share(share));
        text += fmt::format(" ({})", fmt::join(shares, ", "));
    }
    if (g.steal_share) {
        text += fmt::format("; {} stolen by the hypervisor", format_share(*g.steal_share));
    }
    if (g.throttled && *g.throttled > Duration{}) {
        text += fmt::format("; throttled for {}", format_duration(*g.throttled));
    }
    return text;
}

std::string selftest_text(const Selftest& s) {
    return fmt::format("{} requests/s from {} {}, percentiles within {} ({})",
                       format_number(s.ceiling_per_s), s.threads,
                       s.threads == 1 ? "thread" : "threads", format_share(s.worst_error()), s.at);
}

std::string sockets_text(const GeneratorHealth& g) {
    auto text = fmt::format("{} connections", count_text(g.connections_max));
    if (g.descriptors_max && g.descriptor_limit > 0) {
        text += fmt::format("; {} of {} file descriptors", count_text(*g.descriptors_max),
                            count_text(g.descriptor_limit));
    }
    if (g.time_wait_max) text += fmt::format("; {} in TIME_WAIT", count_text(*g.time_wait_max));
    return text;
}

std::string latency_text(Duration value, Duration timeout) {
    if (value >= Histogram::unanswered) return "> " + round_duration(timeout);
    return format_duration(value);
}

std::string percentile_text(const Histogram& histogram, double quantile, Duration timeout) {
    if (histogram.count() < samples_needed(quantile)) return "–";
    const auto value = histogram.quantile(quantile);
    return latency_text(value <= Duration{1} ? Duration{} : value, timeout);  // it begins at 1 ns
}

std::string round_duration(Duration d) {
    auto text = format_duration(d);
    const auto blank = text.find(' ');
    if (blank == std::string::npos || text.find('.') == std::string::npos) return text;
    auto number = text.substr(0, blank);
    number.erase(number.find_last_not_of('0') + 1);
    if (number.back() == '.') number.pop_back();
    return number + text.substr(blank);
}

std::string count_text(std::uint64_t count) { return format_number(static_cast<double>(count)); }

std::string rate_text(double per_second, const char* unit) {
    return fmt::format("{} {}/s", format_number(per_second), unit);
}

std::string actual_text(const ClauseResult& clause) {
    if (clause.samples == 0) return "no samples";
    if (clause.clause.metric == SloClause::Metric::errors) return format_share(clause.actual_share);
    auto text = clause.actual        ? format_duration(*clause.actual)
                : clause.actual_over ? "> " + round_duration(*clause.actual_over)
                                     : std::string{"too few samples"};
    if (clause.windows > 0) {
        text += fmt::format(" in the worst of {} windows, {} broken", clause.windows,
                            clause.windows_broken);
    }
    return text;
}

std::string meaning_of(const StuckSocket& socket) {
    if (socket.inode == 0) return "never accepted";
    if (socket.unsent > 0) return fmt::format("still sending: {} bytes not taken", socket.unsent);
    if (socket.unread == 0) return "end of stream read, never closed";
    if (socket.unread == 1) return "end of stream never read";
    return fmt::format("{} bytes of a request never read", socket.unread - 1);
}

std::string kernel_text(const StuckSocket& socket) {
    if (!socket.keep_alive && socket.unsent > 0) return "goes on sending";
    if (!socket.keep_alive) return "never reaps it";
    const auto left = std::chrono::ceil<std::chrono::seconds>(*socket.keep_alive);
    return "may reap it in " + round_duration(left);
}

std::vector<std::pair<std::string, std::string>> socket_facts(const SocketReport& report) {
    std::vector<std::pair<std::string, std::string>> facts;
    if (const auto& trend = report.trend; trend && trend->highest > 0) {
        facts.emplace_back(
            "Stale over the load",
            fmt::format(
                "{} to {}, at most {}; {:.2g}/s (95 % {:.2g} to {:.2g}), Mann-Kendall z {:.1f}",
                count_text(trend->first), count_text(trend->last), count_text(trend->highest),
                trend->per_s, trend->per_s_interval[0], trend->per_s_interval[1], trend->z));
    }
    if (report.leaked > 0) {
        std::string classes;
        for (std::size_t i = 0; i < stuck_class_count; ++i) {
            if (report.classes[i] == 0) continue;
            classes +=
                fmt::format("{}{} {}", classes.empty() ? "" : ", ", count_text(report.classes[i]),
                            to_string(static_cast<StuckClass>(i)));
        }
        if (!classes.empty()) facts.emplace_back("What they are", classes);
    }
    if (report.leaked > 0 && report.leaked_per_1000_requests) {
        facts.emplace_back("Left per 1000 requests",
                           format_number(*report.leaked_per_1000_requests));
    }
    if (const auto& dwell = report.dwell) {
        const auto shown = [](Duration d) {
            return d == Duration{} ? std::string{"not seen"} : format_duration(d);
        };
        facts.emplace_back(
            "Time in CLOSE_WAIT",
            fmt::format("p50 {}, p99 {} of all closes, longest {}; {} were seen to go",
                        shown(dwell->p50), shown(dwell->p99), shown(dwell->max),
                        count_text(dwell->seen)));
    }
    if (report.stuck > 0 && report.old_gone_per_s) {
        facts.emplace_back("Stale ones that went",
                           fmt::format("{}; at most {:.2g} of each per second (95 %)",
                                       count_text(report.old_gone), *report.old_gone_per_s));
    }
    if (report.accept_queue_max > 0) {
        facts.emplace_back("Accept queue", report.backlog > 0
                                               ? fmt::format("at most {} of {}",
                                                             count_text(report.accept_queue_max),
                                                             count_text(report.backlog))
                                               : "at most " + count_text(report.accept_queue_max));
    }
    if (report.listen_overflows.value_or(0) > 0) {
        facts.emplace_back("Accept queue overflows",
                           count_text(*report.listen_overflows) +
                               " in the network namespace, whoever's (ListenOverflows)");
    }
    if (!report.source.empty()) facts.emplace_back("Watched by", report.source);
    if (report.fd_eta) {
        facts.emplace_back("File descriptors", fmt::format("run out in about {} at this load",
                                                           format_duration(*report.fd_eta)));
    }
    return facts;
}

Headline headline_of(const RunResult& result) {
    Headline head;
    head.tone = result.verdict.word;
    head.word = to_string(result.verdict.word);
    for (const auto& reason : result.verdict.reasons) {
        if (reason.code != "capacity") head.more.push_back(reason.text);
    }

    const auto& capacity = result.capacity;
    if (capacity) head.advice = capacity->advice;
    if (capacity && tone_of(capacity->word) == head.tone) {
        head.word = capacity->word;
        head.sentence = capacity->text;
    } else if (capacity) {  // something else is stronger, a leak or an interrupt: both are said
        head.more.push_back(capacity->word + ": " + capacity->text);
    }
    if (head.sentence.empty()) {
        if (head.more.empty()) {
            head.sentence = sentence_without_reasons(result);
        } else {
            head.sentence = head.more.front();
            head.more.erase(head.more.begin());
        }
    }
    return head;
}

std::string topology_note(const RunResult& result) {
    if (!result.target_shares_machine) return {};
    if (result.capacity && !result.capacity->topology.text.empty()) return {};
    return "The target ran on this machine: a figure over loopback on shared cores is not a figure "
           "of production.";
}

std::string measured_text(const RunResult& result) {
    const auto& m = result.measurement;
    if (!result.capacity || m.intended_rate <= 0) return {};
    const auto& hold = result.capacity->hold;
    const bool held = hold && std::abs(hold->rate - m.intended_rate) < 1e-6 * m.intended_rate;
    return fmt::format("{}: {} at {}", held ? "the hold" : "one probe", round_duration(m.measured),
                       rate_text(m.intended_rate, "journeys"));
}

std::string load_text(const RunResult& result) {
    std::string text = round_duration(result.measurement.measured);
    const auto& load = result.plan->load;
    if (result.measurement.intended_rate > 0) {
        text += " at " + rate_text(result.measurement.intended_rate, "journeys");
        if (result.command == "run" && load.stages) {  // a search holds each probe's rate
            text += fmt::format(" on average, in stages of up to {}",
                                format_rate(load.stages->highest()));
        }
        text += load.arrivals == Arrivals::paced ? " (paced)" : " (poisson)";
        if (load.at_cap == AtCap::drop) text += ", dropping what finds no free user";
    } else if (load.users) {
        text += fmt::format(" with {} users in a closed loop", count_text(*load.users));
        if (load.pacing > Duration{}) {
            text += fmt::format(", a journey each {}", round_duration(load.pacing));
        }
    }
    if (result.command == "run" && load.warmup > Duration{}) {
        text += ", after " + round_duration(load.warmup) + " of warm-up";
    }
    return text;
}

}  // namespace loadline
