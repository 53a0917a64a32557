# A local chain for trying things out; a real community settles on a public one.
FROM node:22-bookworm-slim
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
USER node
EXPOSE 8545
ENTRYPOINT ["node_modules/.bin/anvil", "--host", "0.0.0.0", "--hardfork", "osaka"]
