#!/usr/bin/env bash
# The command of the image churn-spark. Spark starts an executor with the one word `executor` and says
# all else in the environment; any other words are for `churn`.
set -euo pipefail
[ "${1:-}" = executor ] || exec churn "$@"

# One option each, which may hold spaces: SPARK_JAVA_OPT_0, SPARK_JAVA_OPT_1 and so on.
options=()
option=SPARK_JAVA_OPT_0
while [ -n "${!option+set}" ]; do
    options+=("${!option}")
    option=SPARK_JAVA_OPT_${#options[@]}
done
exec tini -s -- java "${options[@]}" "-Xms$SPARK_EXECUTOR_MEMORY" "-Xmx$SPARK_EXECUTOR_MEMORY" \
    -cp "${SPARK_CONF_DIR:+$SPARK_CONF_DIR:}$SPARK_HOME/jars/*${SPARK_CLASSPATH:+:$SPARK_CLASSPATH}" \
    org.apache.spark.scheduler.cluster.k8s.KubernetesExecutorBackend \
    --driver-url "$SPARK_DRIVER_URL" \
    --executor-id "$SPARK_EXECUTOR_ID" \
    --cores "$SPARK_EXECUTOR_CORES" \
    --app-id "$SPARK_APPLICATION_ID" \
    --hostname "$SPARK_EXECUTOR_POD_IP" \
    --resourceProfileId "$SPARK_RESOURCE_PROFILE_ID" \
    --podName "$SPARK_EXECUTOR_POD_NAME"
