with observations as (

    select * from {{ ref('int_observations') }}

),

account_usage as (

    select * from {{ ref('stg_raw__account_usage') }}

),

known_usage as (

    select
        observations.customer_id,
        observations.observation_date,
        account_usage.* exclude (customer_id, known_at, superseded_at),
        case
            when account_usage.months = 1 then row_number() over (
                partition by observations.customer_id, observations.observation_date, account_usage.months = 1
                order by account_usage.period_end desc
            )
        end as monthly_rows_ago

    from observations
    left join account_usage
        on observations.customer_id = account_usage.customer_id
        and {{ known_on('account_usage', 'observations.observation_date') }}

),

-- sums in order of period: floating-point sums depend on their order, and threads must not change a feature
per_observation as (

    select
        customer_id,
        observation_date,
        sum(data_gb order by period_end) / sum(months) as avg_monthly_gb,
        sum(extra_data_charges order by period_end) as total_extra_data_charges,
        sum(long_distance_charges order by period_end) as total_long_distance_charges,
        count(monthly_rows_ago) as monthly_rows,
        max(data_gb) filter (where monthly_rows_ago = 1) as last_month_gb,
        avg(data_gb order by period_end) filter (where monthly_rows_ago between 2 and 4) as gb_of_three_months_before

    from known_usage
    group by customer_id, observation_date

),

with_trend as (

    select
        customer_id,
        observation_date,
        avg_monthly_gb,
        total_extra_data_charges,
        total_long_distance_charges,
        case
            when monthly_rows >= 4 then last_month_gb / nullif(gb_of_three_months_before, 0)
        end as usage_trend

    from per_observation

)

select * from with_trend
