# Keycloak, built for our database and path, so that its files are read-only at run time. The realm is imported once, when
# it does not exist; later changes are made by its administration.
FROM quay.io/keycloak/keycloak:26.4
ENV KC_DB=postgres \
    KC_HEALTH_ENABLED=true \
    KC_METRICS_ENABLED=true \
    KC_HTTP_RELATIVE_PATH=/auth
COPY deploy/keycloak/energy-realm.json /opt/keycloak/data/import/energy-realm.json
RUN /opt/keycloak/bin/kc.sh build
USER 1000
ENTRYPOINT ["/opt/keycloak/bin/kc.sh", "start", "--optimized"]
