using System.Net.Http.Headers;
using Sdk = Twilio.Http;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// What carries one request of Twilio's client: our own HttpClient, so that bulkhead, timeouts, circuit and <see cref="ChannelHealth"/>
/// stand before it, and <c>Twilio:BaseUrl</c> is where it goes. One for each request, because the client hands through neither a
/// cancellation token nor whether the message is critical.
/// </summary>
internal sealed class TwilioHttp(HttpClient http, ChannelHealth health, bool critical, CancellationToken cancellation) : Sdk.HttpClient
{
    /// <summary>What kept the request from being answered.</summary>
    public ChannelResult? Trouble { get; private set; }

    /// <summary>The answer's status; 0 while there is none. The client's own errors forget it where the body is no JSON.</summary>
    public int Status { get; private set; }

    public override async Task<Sdk.Response> MakeRequestAsync(Sdk.Request request)
    {
        // Relative, to our own base address: the client knows no other host than twilio.com.
        using var message = new HttpRequestMessage(
            new HttpMethod(request.Method.ToString()),
            request.ConstructUrl().PathAndQuery.TrimStart('/')
        );
        message.Headers.Authorization = new AuthenticationHeaderValue("Basic", Authentication(request.Username, request.Password));
        foreach (var (name, value) in request.HeaderParams)
            message.Headers.TryAddWithoutValidation(name, value);
        if (message.Method != HttpMethod.Get)
            message.Content = new FormUrlEncodedContent(request.PostParams);
        (var answer, Trouble) = await http.TrySendAsync(message, health, critical, cancellation);
        if (answer is null)
            return null!; // which the client calls a connection error
        using (answer)
        {
            // As UTF-8 whatever the answer says of itself: a charset nobody knows would be an exception.
            using var reader = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
            var response = new Sdk.Response(answer.StatusCode, await reader.ReadToEndAsync(cancellation), answer.Headers);
            Status = (int)answer.StatusCode;
            return response;
        }
    }

    /// <summary>
    /// Never used: it would block a thread as long as Twilio takes, and the client would log its requests to the console.
    /// </summary>
    public override Sdk.Response MakeRequest(Sdk.Request request) => throw new NotSupportedException();
}
