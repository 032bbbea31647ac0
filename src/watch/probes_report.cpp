#include "watch/probes_report.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace loadline {
namespace {

void count_shadows(const ProbeRecord& record, ProbeReport& report) {
    using Word = ProbeOutcome::Word;
    for (const auto& shadow : record.shadows) {
        if (shadow.end == ShadowEnd::not_made) {
            ++report.not_made;
            continue;
        }
        const auto outcome = outcome_of(shadow, record.probe.timeout);
        if (outcome.word == Word::unknown) continue;
        ++report.shadows;
        report.failed += outcome.word == Word::failure;
        report.discarded += outcome.word == Word::discarded;
        if (outcome.word == Word::success) report.slowest = std::max(report.slowest, outcome.took);
    }
    if (record.shadows.empty()) return;
    report.length = record.shadows.back().start + shadow_period - record.shadows.front().start;
}

std::optional<ProbeEpisode> first_restarts(const std::vector<PhaseReplay>& phases) {
    std::optional<ProbeEpisode> all;
    for (const auto& phase : phases) {
        if (!phase.restart) continue;
        if (!all) all = {*phase.restart, phase.restart, 0};
        all->from = std::min(all->from, *phase.restart);
        all->to = std::max(*all->to, *phase.restart);
        ++all->phases;
    }
    return all;
}

std::vector<ProbeEpisode> merge_stretches(const std::vector<PhaseReplay>& phases) {
    struct Piece {
        ProbeStretch stretch;
        std::size_t phase;
    };
    std::vector<Piece> pieces;
    for (std::size_t i = 0; i < phases.size(); ++i) {
        for (const auto& stretch : phases[i].out) pieces.push_back({stretch, i});
    }
    std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& a, const Piece& b) {
        return a.stretch.from < b.stretch.from;
    });
    std::vector<ProbeEpisode> episodes;
    std::vector<bool> seen;
    for (const auto& [stretch, phase] : pieces) {
        const bool joins =
            !episodes.empty() && (!episodes.back().to || stretch.from <= *episodes.back().to);
        if (!joins) {
            episodes.push_back({stretch.from, stretch.to, 0});
            seen.assign(phases.size(), false);
        }
        auto& episode = episodes.back();
        episode.to = !episode.to || !stretch.to ? std::optional<Duration>{}
                                                : std::max(*episode.to, *stretch.to);
        if (!seen[phase]) ++episode.phases;
        seen[phase] = true;
    }
    return episodes;
}

std::string instant(Duration t) { return fmt::format("t={:.1f} s", to_seconds(t)); }

std::string in_phases(std::size_t hit, std::size_t all) {
    if (all == 1) return {};
    return hit == all ? fmt::format(", in all {} phases", all)
                      : fmt::format(", in {} of {} phases", hit, all);
}

std::string stretch_text(const ProbeEpisode& episode, std::size_t phases) {
    auto text = !episode.to ? "from " + instant(episode.from) + " to the end"
                : *episode.to == episode.from
                    ? "at " + instant(episode.from)
                    : fmt::format("between {} and {}", instant(episode.from), instant(*episode.to));
    return text + in_phases(episode.phases, phases);
}

/// What was not seen happen, and whether the record was long enough to see it.
std::string quiet_text(const ProbeReport& report) {
    const bool readiness = report.probe.kind == KubeletProbeKind::readiness;
    std::string text = readiness ? "the kubelet would have kept this pod in the Service"
                                 : "the kubelet would not have restarted this pod";
    const auto needed = report.probe.failure_threshold * report.probe.period;
    if (report.length < needed) {
        text += fmt::format(
            "; but {} failures in a row take up to {}, and this was watched for {} only",
            report.probe.failure_threshold, format_duration_exact(needed),
            format_duration_exact(std::chrono::floor<std::chrono::seconds>(report.length)));
    }
    return text;
}

std::string text_of(const ProbeReport& report) {
    if (report.shadows == 0 && report.not_made > 0) {
        return "nothing was learnt: no probe could be made from here: " +
               (report.trouble.empty() ? "no descriptor or no port was free" : report.trouble);
    }
    if (report.shadows == 0) return "nothing was learnt: the load ended before a first answer";
    if (!report.alarming()) return quiet_text(report);
    std::string text;
    if (report.restart) {
        text = "the kubelet would have restarted this pod " +
               stretch_text(*report.restart, report.phases);
    }
    if (report.never_in > 0) {
        text = "this pod would never have been in the Service while it was watched" +
               in_phases(report.never_in, report.phases);
    }
    for (std::size_t i = 0; i < report.out.size(); ++i) {
        if (!text.empty()) text += "; ";
        if (i == 0) text += "the kubelet would have taken this pod out of the Service ";
        text += stretch_text(report.out[i], report.phases);
    }
    return text;
}

}  // namespace

std::vector<ProbeReport> report_probes(const std::vector<ProbeRecord>& records,
                                       std::optional<Duration> container_start) {
    const auto startup = std::find_if(records.begin(), records.end(), [](const auto& record) {
        return record.probe.kind == KubeletProbeKind::startup;
    });
    std::vector<ProbeReport> reports;
    for (const auto& record : records) {
        const bool gated = startup != records.end() && &record != &*startup;
        const auto phases = replay_probe(record, gated ? &*startup : nullptr, container_start);
        ProbeReport report;
        report.probe = record.probe;
        report.phases = phases.size();
        report.trouble = record.trouble;
        count_shadows(record, report);
        report.restart = first_restarts(phases);
        report.out = merge_stretches(phases);
        report.never_in = static_cast<std::size_t>(std::count_if(
            phases.begin(), phases.end(), [](const auto& phase) { return phase.never_in; }));
        report.text = text_of(report);
        reports.push_back(std::move(report));
    }
    return reports;
}

}  // namespace loadline
