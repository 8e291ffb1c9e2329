// oauth2-mock-server on 127.0.0.1: `mock_server.mjs PORT FOLDER OPTIONS`. It has no users: its tokens are Ada's.
import { OAuth2Server } from 'oauth2-mock-server'

const [port, , text] = process.argv.slice(2)
const options = JSON.parse(text)
const server = new OAuth2Server()
await server.issuer.keys.generate(options.alg ?? 'RS256')
server.service.on('beforeTokenSigning', (token) => {
  Object.assign(token.payload, { sub: 'ada', ...(options.thin ? {} : { email: 'ada@example.com', name: 'Ada' }) })
})
server.service.on('beforeUserinfo', (answer) => {
  answer.body = { sub: 'ada', email: 'ada@example.com', name: 'Ada' }
})
await server.start(Number(port), '127.0.0.1')
server.issuer.url = `http://127.0.0.1:${port}`
