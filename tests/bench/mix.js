// The mission mix for k6; the same work as mix.json: see there.
//
//   k6 run --vus 64 --duration 5s --env MIX_URL=http://127.0.0.1:PORT mix.js
import { check } from 'k6';
import http from 'k6/http';

const service = __ENV.MIX_URL;
const whole = (low, high) => low + Math.floor(Math.random() * (high - low + 1));

export function setup() {
    const reply = http.post(`${service}/login`, JSON.stringify({ name: 'viewer', password: 'secret' }),
                            { headers: { 'Content-Type': 'application/json' } });
    return { token: reply.json('accessToken') };
}

export default function (data) {
    const reply = http.post(`${service}/missions/${whole(1, 1000)}/bet`, JSON.stringify({ amount: whole(1, 100) }), {
        headers: { Authorization: `Bearer ${data.token}`, 'Content-Type': 'application/json' },
        tags: { name: 'bet' },  // one time series for all missions
    });
    check(reply, {
        'status is 200': (r) => r.status === 200,
        'answers with a balance': (r) => r.json('balance') > 0,
    });
}

// One line of JSON instead of the usual page: what a script wants to know.
export function handleSummary(data) {
    const { iterations, checks } = data.metrics;
    return {
        stdout: JSON.stringify({
            requests: iterations.values.count,
            rate_per_s: iterations.values.rate,
            failed_checks: checks.values.fails,
        }) + '\n',
    };
}
