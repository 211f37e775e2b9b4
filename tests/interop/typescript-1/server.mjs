// A server made with version 1 of the official TypeScript SDK: with the argument `stdio` over standard streams, with
// `sse` over HTTP+SSE, else over HTTP. Over HTTP it prints its URL.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { SubscribeRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { z } from 'zod';

const text = text => ({ content: [{ type: 'text', text }] });

// Whether a call was given up.
let givenUp = Promise.withResolvers();

function progress({ _meta, sendNotification }, progress) {
    const params = { progressToken: _meta?.progressToken, progress, total: 2 };
    return sendNotification({ method: 'notifications/progress', params });
}

function make() {
    const capabilities = { resources: { subscribe: true } };
    const server = new McpServer({ name: 'typescript-1', version: '1.0.0' }, { instructions: 'Ask.', capabilities });
    const numbers = { a: z.number().int(), b: z.number().int() };
    server.registerTool('add', { description: 'Add two integers.', inputSchema: numbers }, ({ a, b }) => text(`${a + b}`));
    const question = { question: z.string() };
    server.registerTool('ask', { description: 'Ask the model.', inputSchema: question }, async ({ question }) => {
        const messages = [{ role: 'user', content: { type: 'text', text: question } }];
        return text((await server.server.createMessage({ messages, maxTokens: 7 })).content.text);
    });
    server.registerTool('shop', { description: 'Ask the model, which has a tool, what to do.' }, async () => {
        const messages = [{ role: 'user', content: { type: 'text', text: 'tea' } }];
        const tools = [{ name: 'search', inputSchema: { type: 'object', properties: { query: { type: 'string' } } } }];
        const [use] = [(await server.server.createMessage({ messages, maxTokens: 7, tools })).content].flat();
        return text(`${use.name} ${use.input.query}`);
    });
    server.registerTool('order', { description: 'Ask the user.' }, async () => {
        const requestedSchema = { type: 'object', properties: { size: { type: 'integer' } }, required: ['size'] };
        const answer = await server.server.elicitInput({ message: 'Which size?', requestedSchema });
        return text(`${answer.content.size}`);
    });
    server.registerTool('report', { description: 'Tell how far it is.' }, async extra => {
        await progress(extra, 1);
        await progress(extra, 2);
        return text('reported');
    });
    server.registerTool('linger', { description: 'Say that it has begun, and never end.' }, async extra => {
        extra.signal.addEventListener('abort', () => givenUp.resolve());
        await progress(extra, 1);
        await new Promise(() => {});
    });
    server.registerTool('dropped', { description: 'Wait until a call was given up.' }, async () => {
        await givenUp.promise;
        givenUp = Promise.withResolvers();
        return text('true');
    });
    server.registerTool('touch', { description: 'Change the note.' }, async () => {
        await server.server.sendResourceUpdated({ uri: 'note://tea' });
        return text('touched');
    });
    server.registerTool('broken', { description: 'Break.' }, () => {
        throw new Error('the shelf fell');
    });
    server.registerResource('note', 'note://tea', {}, () => ({ contents: [{ uri: 'note://tea', text: 'about tea' }] }));
    server.server.setRequestHandler(SubscribeRequestSchema, () => ({}));
    const user = name => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }] });
    server.registerPrompt('greet', { argsSchema: { name: z.string() } }, ({ name }) => user(name));
    return server;
}

const sessions = new Map();

async function streamable(request, response) {
    let transport = sessions.get(request.headers['mcp-session-id']);
    if (!transport) {
        transport = new StreamableHTTPServerTransport({
            sessionIdGenerator: randomUUID,
            onsessioninitialized: id => sessions.set(id, transport),
        });
        await make().connect(transport);
    }
    await transport.handleRequest(request, response);
}

async function sse(request, response) {
    if (request.method === 'GET') {
        const transport = new SSEServerTransport('/message', response);
        sessions.set(transport.sessionId, transport);
        await make().connect(transport);
        return;
    }
    const transport = sessions.get(new URL(request.url, 'http://localhost').searchParams.get('sessionId'));
    if (transport) {
        await transport.handlePostMessage(request, response);
    } else {
        response.writeHead(404).end();
    }
}

const mode = process.argv[2];
if (mode === 'stdio') {
    await make().connect(new StdioServerTransport());
} else {
    const listener = createServer(mode === 'sse' ? sse : streamable);
    const path = mode === 'sse' ? 'sse' : 'mcp';
    listener.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${listener.address().port}/${path}`));
}
