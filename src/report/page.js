// Draws the charts of a report from the JSON in #data. Everything else of the page is there
// without scripts. When all charts stand, <body data-ready="true">; an error of any script
// is kept in <body data-error>.
(function () {
    'use strict';

    window.addEventListener('error', function (event) {
        document.body.dataset.error = (document.body.dataset.error || '') + event.message + '\n';
    });

    const data = JSON.parse(document.getElementById('data').textContent);
    const charts = [];    // {graph, colours(), group}
    const synchronised = [];

    function colour(name) {
        return getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
    }

    // ---- figures for people

    function digits(value) {
        return value >= 99.95 ? value.toFixed(0) : value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
    }
    function trimmed(text) { return text.includes('.') ? text.replace(/\.?0+$/, '') : text; }
    function latency(ms) {
        if (ms === 0) return '0';
        if (ms < 0.9995) return digits(ms * 1e3) + ' µs';
        if (ms < 999.5) return digits(ms) + ' ms';
        return digits(ms / 1e3) + ' s';
    }
    function shortLatency(ms) { return latency(ms).replace(/\.0+ /, ' ').replace(/(\.\d*[1-9])0+ /, '$1 '); }
    function number(value) {
        const text = value >= 1000 ? value.toFixed(0) : trimmed(value.toFixed(value >= 100 ? 1 : 2));
        return value >= 10000 ? text.replace(/\B(?=(\d{3})+$)/g, '\u202f') : text;
    }
    function clock(seconds) {
        const whole = Math.round(seconds * 100) / 100;
        if (data.length_s <= 120) return trimmed(whole.toFixed(2)) + ' s';
        const two = function (n) { return String(Math.floor(n)).padStart(2, '0'); };
        const h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
        return (h ? h + ':' + two(m) : m) + ':' + two(whole % 60);
    }
    function percentile(x) {  // of x = 1 / (1 - p)
        const p = 100 * (1 - 1 / x);
        const places = Math.max(0, Math.ceil(Math.log10(x) - 2 - 1e-9));
        return trimmed(p.toFixed(places + (x < 100 ? 1 : 0))) + ' %';
    }

    // ---- axes

    function timeTicks(low, high, pixels) {
        const steps = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
        const most = Math.max(2, pixels / 80);
        const step = steps.find(function (s) { return (high - low) / s <= most; }) || 172800;
        const ticks = [];
        for (let v = Math.ceil(low / step) * step; v <= high; v += step) ticks.push({v: v, label: clock(v)});
        return ticks;
    }
    function logTicks(format, spacing) {
        return function (low, high, pixels) {
            const decades = Math.log10(high / low);
            const per = pixels / Math.max(decades, 0.01);
            const parts = per > spacing * 9 && decades < 1 ? [1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9] : per > spacing * 3 ? [1, 2, 5] : [1];
            const every = Math.max(1, Math.ceil(spacing / per));
            const ticks = [];
            for (let d = Math.floor(Math.log10(low)); d <= Math.ceil(Math.log10(high)); ++d) {
                if (d % every) continue;
                for (const part of parts) {
                    const v = part * Math.pow(10, d);
                    if (v >= low * 0.999 && v <= high * 1.001) ticks.push({v: v, label: format(v)});
                }
            }
            return ticks;
        };
    }

    // ---- marks under and over the lines

    function shadeSpan(ctx, area, graph, from, to, fill) {
        const left = Math.max(area.x, graph.toDomXCoord(from));
        const right = Math.min(area.x + area.w, Math.max(graph.toDomXCoord(to), left + 2));
        if (right <= left) return;
        ctx.fillStyle = fill;
        ctx.fillRect(left, area.y, right - left, area.h);
    }
    function markUnanswered(ctx, area, graph) {
        for (const [from, to] of data.unanswered) {
            ctx.globalAlpha = 0.13;
            shadeSpan(ctx, area, graph, from, to, colour('fail'));
            ctx.globalAlpha = 1;
            shadeSpan(ctx, {x: area.x, w: area.w, y: area.y, h: 4}, graph, from, to, colour('fail'));
        }
    }
    function markPhases(ctx, area, graph) {
        for (const [from, to] of data.phases) shadeSpan(ctx, area, graph, from, to, colour('shade'));
    }
    function markLimit(ctx, area, graph, limit, text) {
        if (!limit) return;
        const y = graph.toDomYCoord(limit);
        if (!(y >= area.y && y <= area.y + area.h)) return;
        ctx.save();
        ctx.strokeStyle = ctx.fillStyle = colour('fail');
        ctx.setLineDash([6, 4]);
        ctx.lineWidth = 1;
        ctx.beginPath();
        ctx.moveTo(area.x, y);
        ctx.lineTo(area.x + area.w, y);
        ctx.stroke();
        ctx.font = '12px system-ui, sans-serif';
        ctx.fillText(text, area.x + 6, y > area.y + 18 ? y - 5 : y + 14);
        ctx.restore();
    }

    function markLoad(ctx, area, graph, load, ink, width, dash) {
        const x = graph.toDomXCoord(load);
        if (!(x >= area.x && x <= area.x + area.w)) return;
        ctx.save();
        ctx.strokeStyle = ink;
        ctx.lineWidth = width;
        ctx.setLineDash(dash || []);
        ctx.beginPath();
        ctx.moveTo(x, area.y);
        ctx.lineTo(x, area.y + area.h);
        ctx.stroke();
        ctx.restore();
    }

    // ---- a chart

    function element(tag, text, parent) {
        const node = document.createElement(tag);
        if (text) node.textContent = text;
        parent.appendChild(node);
        return node;
    }

    function showLegend(figure, series, values, when) {
        const legend = figure.querySelector('.legend');
        legend.textContent = '';
        if (when) element('span', when, legend);
        for (const line of series) {
            const item = element('span', '', legend);
            const mark = element('i', line.form, item);
            if (line.form) mark.className = 'form';
            mark.style.color = mark.style.borderTopColor = colour(line.colour);
            mark.style.borderTopStyle = line.dash ? 'dashed' : 'solid';
            item.append(line.name + (values ? ' ' + (values[line.name] === undefined ? '–' : values[line.name]) : ''));
        }
    }

    // series: [{name, colour, dash, width, values}]; x: shared values; option: what Dygraph takes beside.
    // marks: entries of the legend alone; describe(row): what the legend says instead of the values of a row.
    function draw(id, x, series, option, formatX, formatY, marks, describe) {
        const figure = document.getElementById(id);
        if (!figure) return null;
        const rows = x.map(function (at, i) { return [at].concat(series.map(function (s) { return s.values[i]; })); });
        const colours = function () {
            return {
                colors: series.map(function (s) { return colour(s.colour); }),
                gridLineColor: colour('line'), axisLineColor: colour('line')
            };
        };
        const entries = series.concat(marks || []);
        const each = {};
        for (const s of series) {
            each[s.name] = {strokePattern: s.dash || null, strokeWidth: s.width === undefined ? 1.6 : s.width};
            Object.assign(each[s.name], s.option || {});
        }
        const options = Object.assign({
            labels: ['x'].concat(series.map(function (s) { return s.name; })),
            legend: 'never', series: each, rightGap: 12, xRangePad: 0, gridLineWidth: 0.6, axisLineWidth: 0.6,
            highlightCircleSize: 3.5, connectSeparatedPoints: false, labelsKMB: false,
            highlightCallback: function (event, at, points) {
                if (describe) return describe(figure.querySelector('.legend'), points[0].idx);
                const values = {};
                for (const p of points) if (p.yval !== null && !isNaN(p.yval)) values[p.name] = formatY(p.yval);
                showLegend(figure, series, values, formatX(at));
            },
            unhighlightCallback: function () { showLegend(figure, entries); }
        }, colours(), option);
        const graph = new Dygraph(figure.querySelector('.chart'), rows, options);
        charts.push({graph: graph, colours: colours, figure: figure, redraw: function () { showLegend(figure, entries); }});
        showLegend(figure, entries);
        return graph;
    }

    function addTools(id, graph, logarithmic, x) {
        const caption = document.getElementById(id).querySelector('figcaption');
        const tools = element('span', '', caption);
        if (logarithmic !== undefined) {
            const label = element('label', '', tools);
            const box = element('input', '', label);
            box.type = 'checkbox';
            box.checked = logarithmic;
            label.append(' logarithmic ');
            box.addEventListener('change', function () { graph.updateOptions(latencyAxis(box.checked, x)); });
        }
        const reset = element('button', 'whole range', tools);
        reset.type = 'button';
        reset.title = 'Drag in the chart to zoom; this, or a double click, shows all again';
        reset.addEventListener('click', function () { graph.resetZoom(); });
    }

    const linear = Dygraph.numericLinearTicks || Dygraph.numericTicks;
    const timeAxis = {ticker: timeTicks, axisLabelFormatter: clock, drawGrid: false};
    function latencyAxis(logarithmic, x) {
        return {
            logscale: logarithmic,
            includeZero: !logarithmic,
            axes: {
                x: x,
                y: {
                    ticker: logarithmic ? logTicks(shortLatency, 22) : linear,
                    axisLabelFormatter: shortLatency, axisLabelWidth: 62, logscale: logarithmic
                }
            }
        };
    }

    // ---- charts over time move together

    function nearestRow(graph, at) {
        let low = 0, high = graph.numRows() - 1;
        while (low < high) {
            const middle = (low + high) >> 1;
            if (graph.getValue(middle, 0) < at) low = middle + 1; else high = middle;
        }
        return low;
    }
    function synchronise(graphs) {
        let busy = false;
        for (const graph of graphs) {
            const highlight = graph.getFunctionOption('highlightCallback');
            const unhighlight = graph.getFunctionOption('unhighlightCallback');
            const others = graphs.filter(function (g) { return g !== graph; });
            graph.updateOptions({
                drawCallback: function (me, initial) {
                    if (busy || initial) return;
                    busy = true;
                    const range = me.isZoomed('x') ? me.xAxisRange() : null;
                    for (const other of others) {
                        const now = other.xAxisRange();
                        if (!range && !other.isZoomed('x')) continue;
                        if (range && now[0] === range[0] && now[1] === range[1]) continue;
                        if (range) other.updateOptions({dateWindow: range}); else other.resetZoom();
                    }
                    busy = false;
                },
                highlightCallback: function (event, at, points, row, name) {
                    highlight.call(this, event, at, points, row, name);
                    if (busy) return;
                    busy = true;
                    for (const other of others) other.setSelection(nearestRow(other, at), undefined, undefined, true);
                    busy = false;
                },
                unhighlightCallback: function (event) {
                    unhighlight.call(this, event);
                    if (busy) return;
                    busy = true;
                    for (const other of others) other.clearSelection();
                    busy = false;
                }
            }, true);
        }
    }

    // ---- the charts of this page

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

    function drawSockets() {
        const s = data.sockets;
        if (!s.t.length) return;
        const all = [
            {name: 'ESTABLISHED', colour: 'blue', values: s.established},
            {name: 'CLOSE_WAIT', colour: 'vermilion', values: s.close_wait, width: 2},
            {name: 'of these stale', colour: 'purple', values: s.stale, dash: [5, 3]},
            {name: 'open fds', colour: 'grey', values: s.fds, dash: [2, 2]}
        ].filter(function (line) { return line.values.some(function (v) { return v !== null; }); });
        const graph = draw('sockets', s.t, all, {
            includeZero: true, underlayCallback: markPhases,
            axes: {x: timeAxis, y: {axisLabelFormatter: number, axisLabelWidth: 62}}
        }, clock, number);
        if (!graph) return;
        addTools('sockets', graph);
        synchronised.push(graph);
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
})();
