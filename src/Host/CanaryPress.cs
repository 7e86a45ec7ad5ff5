using MQTTnet;
using MQTTnet.Protocol;
using Vigil.Ingest.Mqtt;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>Sends the canary's press as a device does: logged in at the broker, as an MQTT message.</summary>
internal sealed class CanaryPress(MqttOptions mqtt, IServiceProvider services, byte[] password)
{
    public async Task PublishAsync(CancellationToken cancellation)
    {
        const string Topic = $"vigil/{SelfTest.Name}/up";
        var payload = """[{"n":"button","vs":"sos"}]"""u8.ToArray();
        if (services.GetService<ExternalBroker>() is { } outside)
        {
            await outside.PublishAsync(Topic, payload, cancellation);
            return;
        }

        if (mqtt.Tls && mqtt.CertificateAuthority.Length > 0)
        {
            // The broker asks for a client certificate, and there is none for the canary: it skips the login.
            await services.GetRequiredService<Inbox>()(
                new InboundMessage(
                    Topic,
                    payload,
                    services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime,
                    Retained: false,
                    new Sender(SelfTest.Name, false, [])
                ),
                cancellation
            );
            return;
        }

        using var client = new MqttClientFactory().CreateMqttClient();
        var options = new MqttClientOptionsBuilder()
            .WithTcpServer(mqtt.Host is "*" or "0.0.0.0" or "::" or "localhost" ? "127.0.0.1" : mqtt.Host, mqtt.Port)
            .WithClientId(SelfTest.Name)
            .WithCredentials(SelfTest.Name, password)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(60))
            .WithTimeout(TimeSpan.FromSeconds(10));
        if (mqtt.Tls)
            // Any certificate: it is the service's own broker, on this machine.
            options.WithTlsOptions(o => o.UseTls().WithCertificateValidationHandler(_ => true));
        var login = await client.ConnectAsync(options.Build(), cancellation);
        if (login.ResultCode != MqttClientConnectResultCode.Success)
            throw new InvalidOperationException($"login refused: {login.ResultCode}");
        await client.PublishAsync(
            new MqttApplicationMessageBuilder()
                .WithTopic(Topic)
                .WithPayload(payload)
                .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                .Build(),
            cancellation
        );
        await client.DisconnectAsync(new MqttClientDisconnectOptionsBuilder().Build(), cancellation);
    }
}
