#include <fmt/format.h>

#include "plan/compile_context.hpp"

// Transport: how connections are used, TLS, and the time-outs of each phase.
namespace loadline {
namespace {

void compile_connections(CompileContext& context, const Node& root) {
    const auto node = root.at("connections");
    if (node.text() == nullptr) return;
    const std::pair<std::string_view, ConnectionMode> modes[] = {
        {"pool", ConnectionMode::pool},
        {"per-session", ConnectionMode::per_session},
        {"per-request", ConnectionMode::per_request}};
    for (const auto& [name, mode] : modes) {
        if (*node.text() != name) continue;
        context.plan.connections = mode;
        return;
    }
    context.problem(node, fmt::format("connections \"{}\" are not known", *node.text()),
                    name_hint(*node.text(), {"pool", "per-session", "per-request"}, "they are"));
}

/// A file named in the scenario: relative to the scenario's folder.
std::string file_beside(const CompileContext& context, const Node& node) {
    if (node.text() == nullptr || node.text()->empty()) return {};
    return (context.scenario.file.parent_path() / *node.text()).lexically_normal().string();
}

void compile_tls(CompileContext& context, const Node& root) {
    const auto node = root.at("tls");
    auto& tls = context.plan.tls;
    tls.verify = node.at("verify").boolean().value_or(true);
    tls.resume = node.at("resume").boolean().value_or(true);
    tls.ca = file_beside(context, node.at("ca"));
    tls.certificate = file_beside(context, node.at("cert"));
    tls.key = file_beside(context, node.at("key"));
    if (tls.certificate.empty() != tls.key.empty()) {
        context.problem(node, "a client certificate needs both \"cert\" and \"key\"",
                        "name both files, or neither");
    }
}

void compile_timeouts(CompileContext& context, const Node& root) {
    const auto node = root.at("timeouts");
    auto& limits = context.plan.timeouts;
    const auto read = [&](const char* key, auto& into) {
        if (const auto d = context.duration(node.at(key), false)) into = *d;
    };
    read("resolve", limits.resolve);
    read("connect", limits.connect);
    read("tls", limits.tls);
    read("firstByte", limits.first_byte);
    read("whole", limits.whole);
    if (const auto ttl = context.duration(root.at("dns").at("ttl"), true)) limits.dns_ttl = *ttl;
}

}  // namespace

std::string TransportFlags::apply_to(Plan& plan) const {
    auto& tls = plan.tls;
    if (tls_cert.empty() != tls_key.empty()) return "--tls-cert and --tls-key belong together";
    if (!tls_ca.empty()) tls.ca = tls_ca;
    if (!tls_cert.empty()) {
        tls.certificate = tls_cert;
        tls.key = tls_key;
    }
    if (insecure) tls.verify = false;
    if (no_tls_resume) tls.resume = false;
    if (connect_timeout) plan.timeouts.connect = *connect_timeout;
    if (dns_ttl) plan.timeouts.dns_ttl = *dns_ttl;
    if (timeout) {
        plan.timeouts.whole = *timeout;
        for (auto& step : plan.steps) step.timeout = *timeout;
    }
    return {};
}

void compile_transport(CompileContext& context, const Node& root) {
    compile_connections(context, root);
    compile_tls(context, root);
    compile_timeouts(context, root);
    for (auto& step : context.plan.steps) {  // those that say nothing of their own
        if (step.timeout == Duration{}) step.timeout = context.plan.timeouts.whole;
    }
    const auto problem = context.overrides.transport.apply_to(context.plan);
    if (!problem.empty()) context.flag_problem(problem);
}

void write_transport(const TransportFlags& flags, nlohmann::ordered_json& json) {
    if (!flags.tls_ca.empty()) json["tls"]["ca"] = flags.tls_ca;
    if (!flags.tls_cert.empty()) json["tls"]["cert"] = flags.tls_cert;
    if (!flags.tls_key.empty()) json["tls"]["key"] = flags.tls_key;
    if (flags.insecure) json["tls"]["verify"] = false;
    if (flags.no_tls_resume) json["tls"]["resume"] = false;
    if (flags.connect_timeout)
        json["timeouts"]["connect"] = format_duration_exact(*flags.connect_timeout);
    if (flags.dns_ttl) json["dns"]["ttl"] = format_duration_exact(*flags.dns_ttl);
    if (flags.timeout) json["timeouts"]["whole"] = format_duration_exact(*flags.timeout);
}

}  // namespace loadline
