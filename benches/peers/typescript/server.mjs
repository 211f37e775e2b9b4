// A server with the official TypeScript SDK, of both eras: `server.mjs stdio|http`, as its documentation builds it.

import { createServer } from 'node:http';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';

const object = properties => fromJsonSchema({ type: 'object', properties, required: Object.keys(properties) });
const text = text => ({ content: [{ type: 'text', text }] });

function make() {
    const server = new McpServer({ name: 'bench', version: '1.0.0' });
    const numbers = object({ a: { type: 'integer' }, b: { type: 'integer' } });
    server.registerTool('add', { description: 'Add two integers.', inputSchema: numbers }, ({ a, b }) => text(`${a + b}`));
    const said = object({ text: { type: 'string' } });
    server.registerTool('echo', { description: 'Say it again.', inputSchema: said }, ({ text: it }) => text(it));
    const wish = object({ product_name: { type: 'string' }, keywords: { type: 'string' } });
    const about = { description: "Create a product and let the client's model describe it.", inputSchema: wish };
    server.registerTool('create_product', about, ({ product_name, keywords }, ctx) => {
        const answer = ctx.mcpReq.inputResponses?.answer;
        if (answer) {
            return text(`${product_name}: ${(answer.result ?? answer).content.text}`);
        }
        const content = { type: 'text', text: `Create a product description about ${keywords}` };
        const messages = [{ role: 'user', content }];
        return inputRequired({ inputRequests: { answer: inputRequired.createMessage({ messages, maxTokens: 100 }) } });
    });
    return server;
}

if (process.argv[2] === 'stdio') {
    serveStdio(make);
} else {
    const listener = createServer(toNodeHandler(createMcpHandler(make)));
    listener.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${listener.address().port}/mcp`));
}
