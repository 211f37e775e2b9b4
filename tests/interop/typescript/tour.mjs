// What clients made with the official TypeScript SDK do with a server that has something of everything, and what they
// see of it: a line of JSON for each of the plans that are the program's argument.

import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

const MODES = { legacy: 'legacy', modern: { pin: '2026-07-28' }, auto: 'auto' };
const WATCHED = 'docs://readme';
const LISTS = ['tools', 'prompts', 'resources'].map(list => `notifications/${list}/list_changed`);
const CHANGES = [...LISTS, 'notifications/resources/updated'];

// Waits until something is true that comes on its own.
async function until(isTrue) {
    const end = Date.now() + 30_000;
    while (!isTrue()) {
        if (Date.now() > end) {
            throw new Error(`never true: ${isTrue}`);
        }
        await new Promise(resolve => setTimeout(resolve, 5));
    }
}

async function codeOf(doing) {
    try {
        return { result: await doing };
    } catch (error) {
        return { code: error.code, message: error.message, status: error.data?.status ?? error.status };
    }
}

// What the model says: the question in capitals, or, where it has tools, a use of one, and then that it is done.
function sample({ params: { messages, tools } }) {
    const answer = { role: 'assistant', model: 'shouter' };
    const last = messages.at(-1).content;
    if (!tools) {
        return { ...answer, content: { type: 'text', text: last.text.toUpperCase() } };
    }
    if (last.type !== 'text') {
        return { ...answer, content: { type: 'text', text: 'done' } };
    }
    const use = { type: 'tool_use', id: '1', name: tools[0].name, input: { query: last.text } };
    return { ...answer, stopReason: 'toolUse', content: [use] };
}

async function tour({ era, server, name }) {
    const client = new Client(
        { name: 'peer', version: '1.0.0' },
        { capabilities: { sampling: { tools: {} }, elicitation: {} }, versionNegotiation: { mode: MODES[era] } }
    );
    const [logs, heard] = [[], []];
    client.setRequestHandler('sampling/createMessage', sample);
    client.setRequestHandler('elicitation/create', () => ({ action: 'accept', content: { size: 7 } }));
    client.setNotificationHandler('notifications/message', ({ params }) => logs.push(params.data));
    for (const method of CHANGES) {
        client.setNotificationHandler(method, () => heard.push(method));
    }
    const { url } = server;
    await client.connect(url ? new StreamableHTTPClientTransport(new URL(url)) : new StdioClientTransport(server));
    const version = client.getNegotiatedProtocolVersion();
    const isModern = version >= '2026';
    if (!isModern) {
        await client.setLoggingLevel('info');
    }
    const _meta = isModern ? { 'io.modelcontextprotocol/logLevel': 'info' } : {};
    const call = (name, args, options) => client.callTool({ name, arguments: args, _meta }, options);

    const seen = { protocolVersion: version, tools: (await client.listTools()).tools.map(tool => tool.name) };
    seen.sum = await call('add', { a: 20, b: 22 });
    seen.mirrored = await call('mirror', { point: { x: 1, y: 2 } });
    seen.located = await call('locate', { region: ' Österreich\n' });
    seen.failed = await call('fail', {});
    seen.asked = await call('ask', { question: 'why?' });
    seen.planned = await call('plan', { topic: 'trip' });
    seen.shopped = await call('shop', { wish: 'tea' });

    logs.length = 0;
    seen.progress = [];
    const onprogress = ({ progress, total, message }) => seen.progress.push([progress, total, message ?? null]);
    seen.reported = await call('report', {}, { onprogress });
    await until(() => logs.length >= 2);
    seen.logs = [...logs];

    seen.resources = (await client.listResources()).resources.map(resource => resource.uri);
    seen.templates = (await client.listResourceTemplates()).resourceTemplates.map(it => it.uriTemplate);
    seen.read = (await client.readResource({ uri: 'user://3' })).contents[0].text;
    seen.missing = await codeOf(client.readResource({ uri: 'user://77' }));
    seen.prompts = (await client.listPrompts()).prompts.map(prompt => prompt.name);
    const got = await client.getPrompt({ name: 'review', arguments: { code: 'x', findings: '2' } });
    seen.prompt = got.messages[0].content.text;
    const ref = { type: 'ref/prompt', name: 'review' };
    seen.completed = (await client.complete({ ref, argument: { name: 'style', value: 'SH' } })).completion.values;

    let subscription;
    if (isModern) {
        const all = { toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true };
        subscription = await client.listen({ ...all, resourceSubscriptions: [WATCHED] });
    } else {
        await client.subscribeResource({ uri: WATCHED });
    }
    heard.length = 0;
    await call('touch', { uri: WATCHED });
    await call('grow', { name });
    await until(() => heard.length >= 4);
    seen.heard = [...heard].sort();
    await subscription?.close();
    seen.grown = await call(name, {});

    const gone = new AbortController();
    await codeOf(call('linger', {}, { signal: gone.signal, onprogress: () => gone.abort() }));
    seen.dropped = await call('dropped', {});

    const texts = Array.from({ length: 50 }, (_, number) => `number ${number}`);
    const many = await Promise.all(texts.map(text => call('echo', { text })));
    seen.many = many.filter((result, number) => result.content[0].text === texts[number]).length;

    if (url) {
        await tourHttp({ call, logs, url, version }, seen);
    }
    await client.close();
    return seen;
}

// What only HTTP has.
async function tourHttp({ call, logs, url, version }, seen) {
    logs.length = 0;
    seen.left = await call('leave', {});
    await until(() => logs.length >= 2);
    seen.leftLogs = [...logs];

    if (version < '2026') {
        logs.length = 0;
        seen.stayed = await call('stay', {});
        await until(() => logs.length >= 2);
        seen.stayedLogs = [...logs];
    }

    const session = (await call('session', {})).content[0].text;
    seen.hasSession = session !== '';
    if (seen.hasSession) {
        const headers = { 'mcp-session-id': session, 'mcp-protocol-version': version };
        await fetch(url, { method: 'DELETE', headers });
        seen.forgotten = await codeOf(call('add', { a: 1, b: 2 }));
    }
}

for (const plan of JSON.parse(process.argv[2])) {
    console.log(JSON.stringify(await tour(plan)));
}
