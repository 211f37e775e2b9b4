// A server made with the official TypeScript SDK, over HTTP: of both eras at `/mcp`, where legacy clients have no
// sessions, and with sessions for them at `/sessions`. Prints its URL.

import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { NodeStreamableHTTPServerTransport, toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server';

const object = properties => fromJsonSchema({ type: 'object', properties, required: Object.keys(properties) });
const text = text => ({ content: [{ type: 'text', text }] });

function make() {
    const server = new McpServer({ name: 'typescript', version: '1.0.0' }, { instructions: 'Ask.' });
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
    server.registerTool('report', { description: 'Tell how far it is.' }, async ctx => {
        const progressToken = ctx.mcpReq._meta?.progressToken;
        for (const progress of [1, 2]) {
            await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress, total: 2 } });
        }
        return text('reported');
    });
    server.registerTool('broken', { description: 'Break.' }, () => {
        throw new Error('the shelf fell');
    });
    server.registerResource('note', 'note://tea', {}, () => ({ contents: [{ uri: 'note://tea', text: 'about tea' }] }));
    const user = name => ({ messages: [{ role: 'user', content: { type: 'text', text: `Greet ${name}` } }] });
    server.registerPrompt('greet', { argsSchema: object({ name: { type: 'string' } }) }, ({ name }) => user(name));
    return server;
}

const both = toNodeHandler(createMcpHandler(make));
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

const listener = createServer((request, response) => (request.url === '/mcp' ? both : withSession)(request, response));
listener.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${listener.address().port}/mcp`));
