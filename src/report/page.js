// Draws the charts of a report from the JSON in #data. Everything else of the page is there
// without scripts. When all charts stand, <body data-ready="true">.

function largest(values) { return values.reduce(function (a, b) { return b > a ? b : a; }, 0); }

function drawTimelines() {
    const t = data.timeline;
    if (!t.t.length) return;
    const typical = t.p50.filter(function (v) { return v > 0; }).sort(function (a, b) { return a - b; });
    const middle = typical[typical.length >> 1] || 1;
    const logarithmic = largest(t.max) > 25 * middle;
    const under = function (ctx, area, graph) {
        markPhases(ctx, area, graph);
        markUnanswered(ctx, area, graph);
        markLimit(ctx, area, graph, data.limit_ms, data.limit_text);
    };
    const latencies = draw('latency', t.t, [
        {name: 'max', colour: 'grey', values: t.max, width: 1.3, dash: [3, 2]},
        {name: 'p99', colour: 'vermilion', values: t.p99, width: 2},
        {name: 'p90', colour: 'blue', values: t.p90},
        {name: 'p50', colour: 'green', values: t.p50}
    ], Object.assign(latencyAxis(logarithmic, timeAxis), {underlayCallback: under}), clock, latency);
    const rates = draw('throughput', t.t, [
        {name: 'started journeys/s', colour: 'blue', values: t.started},
        {name: 'transactions/s', colour: 'green', values: t.transactions},
        {name: 'errors/s', colour: 'vermilion', values: t.errors, width: 2},
        {name: 'intended journeys/s', colour: 'grey', values: t.intended, width: 2, dash: [6, 3]}
    ].filter(function (s) { return s.values.some(function (v) { return v !== null; }); }), {
        includeZero: true, underlayCallback: markPhases,
        axes: {x: timeAxis, y: {axisLabelFormatter: number, axisLabelWidth: 62}}
    }, clock, number);
    addTools('latency', latencies, logarithmic, timeAxis);
    addTools('throughput', rates);
    synchronised.push(latencies, rates);
}

function countsOverTime(id, t, lines, option, limit, under) {
    const highest = lines.reduce(function (most, line) { return Math.max(most, largest(line.values)); }, 0);
    const near = limit && highest >= limit.value / 4;  // else the line would lie flat at the bottom
    const graph = draw(id, t, lines, Object.assign({
        includeZero: true,
        underlayCallback: function (ctx, area, graph) {
            markPhases(ctx, area, graph);
            if (near) markLimit(ctx, area, graph, limit.value, limit.name + ' ' + number(limit.value));
            if (under) under(ctx, area, graph);
        },
        axes: {x: timeAxis, y: {axisLabelFormatter: number, axisLabelWidth: 62}}
    }, near ? {valueRange: [0, Math.max(highest, limit.value) * 1.1]} : {}, option), clock, number);
    if (!graph) return;
    addTools(id, graph);
    synchronised.push(graph);
}

// Where the descriptors are heading, from the end of the load on.
function markCourse(ctx, area, graph) {
    const course = data.sockets.fd_course;
    if (!course) return;
    ctx.save();
    ctx.beginPath();
    ctx.rect(area.x, area.y, area.w, area.h);
    ctx.clip();
    ctx.strokeStyle = ctx.fillStyle = colour('grey');
    ctx.setLineDash([3, 3]);
    ctx.beginPath();
    for (const [t, fds] of course) ctx.lineTo(graph.toDomXCoord(t), graph.toDomYCoord(fds));
    ctx.stroke();
    ctx.font = '12px system-ui, sans-serif';
    ctx.textAlign = 'right';
    ctx.fillText('at this load full in about ' + data.sockets.fd_eta, area.x + area.w - 6, area.y + area.h - 8);
    ctx.restore();
}

function drawSockets() {
    const s = data.sockets;
    if (!s.t.length) return;
    countsOverTime('sockets', s.t, [
        {name: 'ESTABLISHED', colour: 'blue', values: s.established},
        {name: 'CLOSE_WAIT', colour: 'vermilion', values: s.close_wait, width: 2},
        {name: 'of these stale', colour: 'purple', values: s.stale, dash: [5, 3], optional: !s.stale.length},
        {name: 'FIN_WAIT1', colour: 'sky', values: s.fin_wait1, optional: true},
        {name: 'FIN_WAIT2', colour: 'green', values: s.fin_wait2, optional: true},
        {name: 'LAST_ACK', colour: 'grey', values: s.last_ack, optional: true}
    ].filter(function (line) { return !line.optional || largest(line.values) > 0; }));
    countsOverTime('descriptors', s.t, [{name: 'open file descriptors', colour: 'blue', values: s.fds, width: 2}],
        {}, s.fd_limit && {name: 'limit', value: s.fd_limit}, markCourse);
    countsOverTime('accept-queue', s.t, [{name: 'waiting to be accepted', colour: 'blue', values: s.accept_queue, width: 2}],
        {}, s.backlog && {name: 'backlog', value: s.backlog});
}

function drawSpectrum() {
    const s = data.spectrum;
    if (!s.x.length) return;
    const values = s.response.concat(s.service).filter(function (v) { return v > 0; });
    const logarithmic = largest(values) > 25 * (values[0] || 1);
    const x = {logscale: true, axisLabelFormatter: percentile, drawGrid: true, ticker: logTicks(percentile, 56)};
    const graph = draw('spectrum', s.x, [
        {name: 'response time', colour: 'vermilion', values: s.response, width: 2},
        {name: 'of the ok ones', colour: 'blue', values: s.ok, dash: [6, 3]},
        {name: 'service time', colour: 'green', values: s.service, dash: [2, 2]}
    ].filter(function (line) {  // without errors the two are one
        return line.values !== s.ok || s.ok.some(function (v, i) { return v !== s.response[i]; });
    }), Object.assign(latencyAxis(logarithmic, x), {
        underlayCallback: function (ctx, area, g) { markLimit(ctx, area, g, data.limit_ms, data.limit_text); }
    }), percentile, latency);
    if (graph) addTools('spectrum', graph, logarithmic, x);
}

// A probe's mark says its verdict by form as well as by colour.
function drawMark(ctx, form, x, y, size, ink) {
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = ink;
    ctx.lineWidth = 2;
    ctx.beginPath();
    if (form === 'PASS') ctx.arc(x, y, size, 0, 2 * Math.PI);
    if (form === 'FAIL') {
        ctx.moveTo(x - size, y - size);
        ctx.lineTo(x + size, y + size);
        ctx.moveTo(x + size, y - size);
        ctx.lineTo(x - size, y + size);
    }
    if (form === 'INVALID') ctx.rect(x - size, y - size, 2 * size, 2 * size);
    if (form === 'PASS') ctx.fill(); else ctx.stroke();
    ctx.restore();
}
// Of probes at one load the longest that proved something: what the lines go through.
function onTheLine(probes) {
    const best = new Map();
    for (const p of probes) {
        if (p.word === 'INVALID') continue;
        const kept = best.get(p.load);
        if (!kept || p.length_s > kept.length_s) best.set(p.load, p);
    }
    return function (p) { return best.get(p.load) === p; };
}
function curveSeries(probes, percentile) {
    const chosen = onTheLine(probes);
    const line = function (name, key, dash) {
        return {
            name: name, colour: 'grey', dash: dash, width: 1.2, option: {connectSeparatedPoints: true},
            values: probes.map(function (p) { return chosen(p) ? p[key] : null; })
        };
    };
    const forms = [['PASS', 'green', 'passed', '●'], ['FAIL', 'vermilion', 'failed', '✕'], ['INVALID', 'purple', 'invalid', '□']];
    const marks = forms.map(function (form) {
        return {
            name: form[2], colour: form[1], form: form[3], width: 0,
            values: probes.map(function (p) { return p.word === form[0] ? p.shown : null; }),
            option: {
                drawPoints: true, pointSize: 5,
                drawPointCallback: function (g, name, ctx, x, y, ink, size, row) {
                    drawMark(ctx, form[0], x, y, probes[row] && probes[row].kind === 'hold' ? 8 : 4.5, ink);
                },
                drawHighlightPointCallback: function (g, name, ctx, x, y, ink) { drawMark(ctx, form[0], x, y, 7, ink); }
            }
        };
    }).filter(function (s) { return probes.some(function (p) { return p.word === forms.find(function (f) { return f[2] === s.name; })[0]; }); });
    return [line(percentile, 'shown'), line('p50', 'p50', [4, 3])].concat(marks);
}
function curveMarks(curve) {
    const marks = [];
    const e = curve.estimate;
    if (e) marks.push({name: 'estimate ' + number(e[1]) + ' (' + number(e[0]) + ' to ' + number(e[2]) + ')', colour: 'sky', form: '▮'});
    if (curve.confirmed) marks.push({name: 'confirmed ' + number(curve.confirmed), colour: 'green', form: '┃'});
    if (curve.knee) marks.push({name: 'knee ' + number(curve.knee), colour: 'grey', form: '┊'});
    return marks;
}
function describeProbe(p, percentile) {
    return function (legend, row) {
        const probe = p[row];
        legend.textContent = '';
        if (!probe) return;
        const figures = [probe.kind + ' ' + probe.word, number(probe.rate) + ' journeys/s asked', number(probe.tps) + ' TPS completed',
            'n ' + number(probe.n), percentile + ' ' + (probe.shown === null ? '–' : latency(probe.shown)),
            'p50 ' + (probe.p50 === null ? '–' : latency(probe.p50))];
        for (const text of figures) element('span', text, legend);
    };
}
function drawCurve() {
    const curve = data.curve;
    if (!curve || !curve.probes.length) return;
    const probes = curve.probes;
    const loads = probes.map(function (p) { return p.load; });
    const under = function (ctx, area, g) {
        if (curve.estimate) {
            ctx.globalAlpha = 0.2;
            shadeSpan(ctx, area, g, curve.estimate[0], curve.estimate[2], colour('sky'));
            ctx.globalAlpha = 1;
            markLoad(ctx, area, g, curve.estimate[1], colour('sky'), 1.5);
        }
        if (curve.knee) markLoad(ctx, area, g, curve.knee, colour('grey'), 1.2, [2, 3]);
        if (curve.confirmed) markLoad(ctx, area, g, curve.confirmed, colour('green'), 2);
        markLimit(ctx, area, g, curve.limit_ms, curve.limit_text);
        for (const p of probes) {  // no value: at the upper edge
            if (p.shown === null) drawMark(ctx, p.word, g.toDomXCoord(p.load), area.y + 8, 5, colour(p.word === 'FAIL' ? 'vermilion' : 'purple'));
        }
    };
    const x = {axisLabelFormatter: number, drawGrid: false};
    const graph = draw('curve', loads, curveSeries(probes, curve.percentile), Object.assign(latencyAxis(true, x), {
        xRangePad: 20, yRangePad: 16, highlightCircleSize: 5, underlayCallback: under
    }), number, latency, curveMarks(curve), describeProbe(probes, curve.percentile));
    if (!graph) return;
    addTools('curve', graph);
    if (!curve.estimate) return;
    const near = element('button', 'around the estimate', document.querySelector('#curve figcaption span:last-child'));
    near.type = 'button';
    near.addEventListener('click', function () { graph.updateOptions({dateWindow: [curve.estimate[0] * 0.9, curve.estimate[2] * 1.1]}); });
}

drawTimelines();
drawSockets();
drawSpectrum();
drawCurve();
if (synchronised.length > 1) synchronise(synchronised);

function recolour() {
    for (const chart of charts) {
        chart.graph.updateOptions(chart.colours());
        chart.redraw();
    }
}
window.matchMedia('(prefers-color-scheme: dark)').addEventListener('change', recolour);
window.addEventListener('beforeprint', function () {
    document.documentElement.classList.add('print');
    for (const chart of charts) chart.graph.resize(670, chart.figure.querySelector('.chart').clientHeight);
    recolour();
});
window.addEventListener('afterprint', function () {
    document.documentElement.classList.remove('print');
    for (const chart of charts) {
        chart.figure.querySelector('.chart').style.width = '';
        chart.graph.resize();
    }
    recolour();
});
document.body.dataset.ready = 'true';
