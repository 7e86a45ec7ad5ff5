using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

public static class AccountServices
{
    /// <summary>Registers Identity over the records. The data protection keys of the host sign its links.</summary>
    public static IServiceCollection AddAccounts(this IServiceCollection services, AccountsOptions options)
    {
        services.AddSingleton(options);
        services.AddScoped(s => s.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContext());
        services
            .AddIdentityCore<User>(o =>
            {
                // Length alone (NIST SP 800-63B 5.1.1.2): rules of composition make passwords worse.
                (
                    o.Password.RequiredLength,
                    o.Password.RequireDigit,
                    o.Password.RequireLowercase,
                    o.Password.RequireUppercase,
                    o.Password.RequireNonAlphanumeric
                ) = (12, false, false, false, false);
                // With a lock anybody who knows a name could keep that person out: SignInTries slows guessing down instead.
                o.Lockout.AllowedForNewUsers = false;
                o.User.AllowedUserNameCharacters = ""; // any characters, Chinese ones too; Accounts.AddAsync refuses what can't be used
            })
            .AddUserStore<Microsoft.AspNetCore.Identity.EntityFrameworkCore.UserOnlyStore<User, RecordsDb, Guid>>()
            .AddTokenProvider<DataProtectorTokenProvider<User>>(TokenOptions.DefaultProvider)
            .AddTokenProvider<AuthenticatorTokenProvider<User>>(TokenOptions.DefaultAuthenticatorProvider);
        services.AddScoped<SecondFactors>();
        services.AddScoped<Accounts>();
        return services;
    }
}
