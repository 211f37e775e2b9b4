// A server made with the official TypeScript SDK: with the argument `stdio` over standard streams, with `sessions` over
// HTTP for legacy clients, with sessions, else over HTTP for both eras, where legacy clients have none. Over HTTP it
// prints its URL.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const object = properties => fromJsonSchema({ type: 'object', properties, required: Object.keys(properties) });
const text = text => ({ content: [{ type: 'text', text }] });

// Whether a call was given up.
let givenUp = Promise.withResolvers();

function progress(ctx, progress) {
    const progressToken = ctx.mcpReq._meta?.progressToken;
    return ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 2 } });
}

function make() {
    const capabilities = { resources: { subscribe: true } };
    const server = new McpServer({ name: 'typescript', version: '1.0.0' }, { instructions: 'Ask.', capabilities });
    const numbers = object({ a: { type: 'integer' }, b: { type: 'integer' } });
    server.registerTool('add', { description: 'Add two integers.', inputSchema: numbers }, ({ a, b }) => text(`${a + b}`));
    const region = object({ region: { type: 'string', 'x-mcp-header': 'Region' } });
    server.registerTool('region', { description: 'Look up a region.', inputSchema: region }, ({ region }) => text(region));
    const question = object({ question: { type: 'string' } });
    server.registerTool('ask', { description: 'Ask the model.', inputSchema: question }, ({ question }, ctx) => {
        const answer = ctx.mcpReq.inputResponses?.answer;
        if (answer) {
            return text((answer.result ?? answer).content.text);
        }
        const messages = [{ role: 'user', content: { type: 'text', text: question } }];
        return inputRequired({ inputRequests: { answer: inputRequired.createMessage({ messages, maxTokens: 7 }) } });
    });
    server.registerTool('shop', { description: 'Ask the model, which has a tool, what to do.' }, ctx => {
        const answer = ctx.mcpReq.inputResponses?.answer;
        if (answer) {
            const [use] = [(answer.result ?? answer).content].flat();
            return text(`${use.name} ${use.input.query}`);
        }
        const messages = [{ role: 'user', content: { type: 'text', text: 'tea' } }];
        const tools = [{ name: 'search', inputSchema: { type: 'object', properties: { query: { type: 'string' } } } }];
        const question = inputRequired.createMessage({ messages, maxTokens: 7, tools });
        return inputRequired({ inputRequests: { answer: question } });
    });
    server.registerTool('order', { description: 'Ask the user.' }, ctx => {
        const answer = ctx.mcpReq.inputResponses?.size;
        if (answer) {
            return text(`${(answer.result ?? answer).content.size}`);
        }
        const requestedSchema = { type: 'object', properties: { size: { type: 'integer' } }, required: ['size'] };
        const size = inputRequired.elicit({ message: 'Which size?', requestedSchema });
        return inputRequired({ inputRequests: { size } });
    });
    server.registerTool('report', { description: 'Tell how far it is.' }, async ctx => {
        await progress(ctx, 1);
        await progress(ctx, 2);
        return text('reported');
    });
    server.registerTool('linger', { description: 'Say that it has begun, and never end.' }, async ctx => {
        ctx.mcpReq.signal.addEventListener('abort', () => givenUp.resolve());
        await progress(ctx, 1);
        await new Promise(() => {});
    });
    server.registerTool('dropped', { description: 'Wait until a call was given up.' }, async () => {
        await givenUp.promise;
        givenUp = Promise.withResolvers();
        return text('true');
    });
    server.registerTool('touch', { description: 'Change the note.' }, async () => {
        const uri = 'note://tea';
        await server.server.sendResourceUpdated({ uri });
        // Over HTTP a request of the modern era has a server of its own; this reaches who listens.
        both.notify.resourceUpdated(uri);
        return text('touched');
    });
    server.registerTool('broken', { description: 'Break.' }, () => {
        throw new Error('the shelf fell');
    });
    server.registerResource('note', 'note://tea', {}, () => ({ contents: [{ uri: 'note://tea', text: 'about tea' }] }));
    server.server.setRequestHandler('resources/subscribe', () => ({}));
    const user = name => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }] });
    server.registerPrompt('greet', { argsSchema: object({ name: { type: 'string' } }) }, ({ name }) => user(name));
    return server;
}

const both = createMcpHandler(make);
const handle = toNodeHandler(both);
const sessions = new Map();

async function withSession(request, response) {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
        transport = new NodeStreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: id => sessions.set(id, transport),
        });
        await make().connect(transport);
    }
    await transport.handleRequest(request, response);
}

if (process.argv[2] === 'stdio') {
    serveStdio(make);
} else {
    const listener = createServer(process.argv[2] === 'sessions' ? withSession : handle);
    listener.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${listener.address().port}/mcp`));
}
